/** Whose certificates a lab runs on: those of certs/lab, a private root made for this run, or a folder's. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type LabPki, labFolder, loadLabPki, makeLabPki, saveLabPki } from './lab-pki.ts';

export interface ChosenPki {
  readonly pki: LabPki;
  /** Where its PEM files are. */
  readonly folder: string;
}

/**
 * `sgp26`: certs/lab. `private`: a root of its own, made into `folder`, with an SM-DP+ of another OID; whoever knows the
 * test root alone believes none of it. Else: a folder that `npm run certs` wrote.
 */
export function choosePki(name: string, folder: string): ChosenPki {
  if (name === 'sgp26') return { pki: loadLabPki(labFolder), folder: labFolder };
  if (name !== 'private') return { pki: loadLabPki(name), folder: name };
  const own = join(folder, 'private-root');
  const pki = makeLabPki({ smdpOid: '2.999.77' });
  mkdirSync(own, { recursive: true, mode: 0o700 });
  saveLabPki(pki, own);
  return { pki, folder: own };
}
