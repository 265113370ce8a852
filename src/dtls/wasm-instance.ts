/** A WebAssembly module at work, where there is WebAssembly. */

/** What is used of WebAssembly, which TypeScript knows in browsers alone. */
interface Assembly {
  validate(module: Uint8Array): boolean;
  readonly Module: new (module: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
}

function isAssembly(value: unknown): value is Assembly {
  return typeof value === 'object' && value !== null && 'validate' in value && 'Instance' in value;
}

/** What the module exports; undefined where the machine or Node's flags have no WebAssembly for it, or no room. */
export function instantiate(module: () => Uint8Array): object | undefined {
  const assembly: unknown = Reflect.get(globalThis, 'WebAssembly');
  if (!isAssembly(assembly)) return undefined;
  const octets = module();
  try {
    if (!assembly.validate(octets)) return undefined;
    return new assembly.Instance(new assembly.Module(octets)).exports;
  } catch (error) {
    if (error instanceof RangeError) return undefined; // ulimit may bound the address space, and Node's flags modules
    throw error;
  }
}
