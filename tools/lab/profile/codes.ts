/** PINs, PUKs, the authentication algorithm and the security domain's keys of a profile (SAIP 8.4 to 8.6). */
import { DerError, readTlv } from '../../../src/messages/tlv.ts';
import { readFields, readList } from './fields.ts';
import { readInteger } from './integer.ts';
import { ElementError, PeStatus } from './status.ts';

const pinReferences = new Set([
  ...range(1, 8),
  ...range(10, 14),
  ...range(129, 136),
  ...range(138, 142),
]);
const pukReferences = new Set([...range(1, 8), ...range(129, 136)]);

/** The PUK references that pukCodes (content of A1) defines, each once. */
export function readPukCodes(content: Uint8Array, path: string): Set<number> {
  const references = new Set<number>();
  for (const item of readList(content, 0x30, path)) {
    const puk = readFields(item.value, path, {
      keyReference: { tag: 0x80 },
      pukValue: { tag: 0x81, size: [8, 8] },
      maxNumOfAttemps: { tag: 0x82, optional: true },
    });
    addReference(references, readInteger(puk.keyReference.value, path), pukReferences, path);
  }
  if (references.size === 0) throw new DerError(path, 'no PUK');
  return references;
}

/**
 * pinCodes (content of A1: `CHOICE { pinconfig, filePath }`); each PIN once, its PUK among those defined before.
 * Throws DerError for a wrong shape, ElementError for a PUK that does not exist.
 */
export function readPinCodes(content: Uint8Array, path: string, puks: ReadonlySet<number>): void {
  const choice = readTlv(content, path);
  if (choice.tag === 0x81) {
    if (choice.value.length > 8) throw new DerError(path, 'filePath of more than 8 octets');
    return;
  }
  if (choice.tag !== 0xa0) throw new DerError(path, 'neither pinconfig nor filePath');
  const references = new Set<number>();
  for (const item of readList(choice.value, 0x30, path)) {
    const pin = readFields(item.value, path, {
      keyReference: { tag: 0x80 },
      pinValue: { tag: 0x81, size: [8, 8] },
      unblockingPINReference: { tag: 0x82, optional: true },
      pinAttributes: { tag: 0x83, optional: true },
      maxNumOfAttemps: { tag: 0x84, optional: true },
    });
    addReference(references, readInteger(pin.keyReference.value, path), pinReferences, path);
    if (pin.unblockingPINReference === undefined) continue;
    const puk = readInteger(pin.unblockingPINReference.value, path);
    if (!puks.has(puk)) {
      throw new ElementError(PeStatus.badValues, `${path}: PUK ${puk} is not defined before`);
    }
  }
  if (references.size === 0) throw new DerError(path, 'no PIN');
}

/** The algorithm of an NAA, as the package gives it. */
export interface Aka {
  readonly algorithm: 'milenage' | 'tuak' | 'usim-test-algorithm' | 'mapping';
  readonly key?: Uint8Array;
  /** OPc, or TOPc for TUAK. */
  readonly opc?: Uint8Array;
}

/** algoConfiguration (content of A1). Throws ElementError for an algorithm or a key length nobody knows. */
export function readAka(content: Uint8Array, path: string): Aka {
  const choice = readTlv(content, path);
  if (choice.tag === 0xa0) {
    readFields(choice.value, path, {
      mappingOptions: { tag: 0x80, size: [1, 1] },
      mappingSource: { tag: 0x81, size: [5, 16] },
    });
    return { algorithm: 'mapping' };
  }
  if (choice.tag !== 0xa1) throw new DerError(path, 'neither mapping nor algorithm');
  const parameters = readFields(choice.value, path, {
    algorithmID: { tag: 0x80 },
    algorithmOptions: { tag: 0x81, size: [1, 1] },
    key: { tag: 0x82 },
    opc: { tag: 0x83 },
    rotationConstants: { tag: 0x84, optional: true, size: [5, 5] },
    xoringConstants: { tag: 0x85, optional: true, size: [80, 80] },
    authCounterMax: { tag: 0x86, optional: true, size: [3, 3] },
    numberOfKeccak: { tag: 0x87, optional: true },
  });
  const id = readInteger(parameters.algorithmID.value, path);
  const [algorithm, keys, opcs] = algorithms.get(id) ?? [];
  if (algorithm === undefined) {
    throw new ElementError(PeStatus.featureNotSupported, `${path}: no algorithm ${id}`);
  }
  const key = parameters.key.value;
  const opc = parameters.opc.value;
  if (!keys?.includes(key.length) || (opcs !== undefined && !opcs.includes(opc.length))) {
    const lengths = `a key of ${key.length} and opc of ${opc.length} octets`;
    throw new ElementError(PeStatus.badValues, `${path}: ${algorithm} with ${lengths}`);
  }
  return { algorithm, key, opc };
}

/** algorithmID → name, octets of the key, octets of OPc or TOPc (the test algorithm ignores it). */
const algorithms = new Map<
  number,
  [name: Exclude<Aka['algorithm'], 'mapping'>, keys: number[], opcs?: number[]]
>([
  [1, ['milenage', [16], [16]]],
  [2, ['tuak', [16, 32], [32]]],
  [3, ['usim-test-algorithm', [16]]],
]);

/** Instance (content of A1) and keys (content of A2) of a security domain. */
export function readSecurityDomain(
  instance: Uint8Array,
  keys: Uint8Array | undefined,
  path: string,
): void {
  readFields(instance, `${path}.instance`, {
    applicationLoadPackageAID: { tag: 0x4f, size: [5, 16] },
    classAID: { tag: 0x4f, size: [5, 16] },
    instanceAID: { tag: 0x4f, size: [5, 16] },
    extraditeSecurityDomainAID: { tag: 0x4f, optional: true, size: [5, 16] },
    applicationPrivileges: { tag: 0x82 },
    lifeCycleState: { tag: 0x83, optional: true, size: [1, 1] },
    applicationSpecificParametersC9: { tag: 0xc9 },
  });
  if (keys === undefined) return;
  for (const item of readList(keys, 0x30, `${path}.keyList`)) {
    const key = readFields(item.value, `${path}.keyList`, {
      keyUsageQualifier: { tag: 0x95, size: [1, 2] },
      keyAccess: { tag: 0x96, optional: true, size: [1, 1] },
      keyIdentifier: { tag: 0x82, size: [1, 1] },
      keyVersionNumber: { tag: 0x83, size: [1, 1] },
      keyCounterValue: { tag: 0x85, optional: true },
      keyCompontents: { tag: 0x30 },
    });
    for (const component of readList(key.keyCompontents.value, 0x30, `${path}.keyList`)) {
      readFields(component.value, `${path}.keyList`, {
        keyType: { tag: 0x80 },
        keyData: { tag: 0x86, size: [1, 1024] },
        macLength: { tag: 0x87, optional: true },
      });
    }
  }
}

function addReference(
  references: Set<number>,
  reference: number,
  known: ReadonlySet<number>,
  path: string,
): void {
  if (!known.has(reference)) throw new DerError(path, `no key reference ${reference}`);
  if (references.has(reference)) throw new DerError(path, `key reference ${reference} twice`);
  references.add(reference);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
