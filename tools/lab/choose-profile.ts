/** The profile of a lab run: a file's, or one that is made. */
import { readFileSync } from 'node:fs';
import { hex } from '../../src/base/bytes.ts';
import { type Iccid, iccidOfDigits } from '../../src/messages/ids.ts';
import { LabError } from './eim-process.ts';
import { makeProfile } from './profile/make.ts';
import { readProfile } from './profile/read.ts';
import { ProfileError } from './profile/status.ts';

export interface ChosenProfile {
  readonly upp: Uint8Array;
  readonly iccid: Iccid;
}

/** Octets of the profile that is made where nothing else is said: about those of the published test profiles. */
const usualSize = 12_288;

/** Reads or makes it. Throws where the file is no profile package, or the size cannot be made. */
export function chooseProfile(choice: {
  readonly profile?: string | undefined;
  readonly size?: number | undefined;
}): ChosenProfile {
  if (choice.profile === undefined) {
    const iccid = iccidOfDigits('89880000000000000017');
    return {
      iccid,
      upp: makeProfile({ iccid, name: 'coap-eim lab', size: choice.size ?? usualSize }),
    };
  }
  const upp = derOrHex(new Uint8Array(readFileSync(choice.profile)));
  if (upp === undefined) throw new LabError(`${choice.profile} has an odd number of hex digits`);
  try {
    return { upp, iccid: readProfile(upp).iccid };
  } catch (error) {
    if (!(error instanceof ProfileError)) throw error;
    throw new LabError(`${choice.profile} is no profile package: ${error.message}`);
  }
}

/** The octets of a file that holds DER, or hex text; undefined where a digit of the text is missing. */
export function derOrHex(content: Uint8Array): Uint8Array | undefined {
  const text = Buffer.from(content).toString('latin1');
  if (!/^[0-9A-Fa-f\s]+$/.test(text)) return content;
  return text.replace(/\s/g, '').length % 2 === 0 ? hex(text) : undefined;
}
