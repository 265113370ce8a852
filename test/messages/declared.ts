/** All that src/messages declares, by the name it is exported under. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Asn1 } from '../../src/messages/asn1-type.ts';

const folder = new URL('../../src/messages/', import.meta.url);

/** Declared types by name. */
export const declared = new Map<string, Asn1<unknown>>();
/** Objects that name the numbers of an INTEGER. */
export const namedNumbers = new Map<string, Readonly<Record<string, number>>>();

for (const file of readdirSync(fileURLToPath(folder)).filter((name) => name.endsWith('.ts'))) {
  const exported: Readonly<Record<string, unknown>> = await import(new URL(file, folder).href);
  for (const [name, one] of Object.entries(exported)) {
    if (one instanceof Asn1 && one.name === name) declared.set(name, one);
    else if (isNumbers(one)) namedNumbers.set(name, one);
  }
}

function isNumbers(one: unknown): one is Readonly<Record<string, number>> {
  if (typeof one !== 'object' || one === null || one instanceof Asn1) return false;
  return Object.values(one).every((value) => typeof value === 'number');
}
