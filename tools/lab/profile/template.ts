/** Elements that create the files of a template: the file system, applications, and what belongs to them (SAIP 8.3). */
import { equal } from '../../../src/base/bytes.ts';
import { type Iccid, iccidOf } from '../../../src/messages/ids.ts';
import { DerError, readAll, type Tlv } from '../../../src/messages/tlv.ts';
import { type ElementName, templateOf, templatePrefix } from './elements.ts';
import { readFields } from './fields.ts';
import { type ProfileFile, readFile } from './files.ts';
import { ElementError, PeStatus } from './status.ts';

/** What an element's files say of the profile, where they are those that do. */
export interface TemplateFiles {
  /** Content of EF.ICCID. */
  readonly iccid?: Iccid;
  /** Digits of EF.IMSI. */
  readonly imsi?: string;
}

/** Tags of the files that an element cannot do without. */
const mandatoryFiles: Partial<Readonly<Record<ElementName, readonly number[]>>> = {
  mf: [0xa2, 0xa4, 0xa5, 0xa6],
  usim: [0xa2, 0xa3, 0xa4, 0xa8, 0xad, 0xae, 0xb2, 0xb6],
  isim: [0xa2, 0xa3, 0xa4, 0xa5, 0xa6],
};

/**
 * Reads `A0 header, 81 templateID`, and a File under every other tag. Throws ElementError for a template or content that
 * cannot be, DerError for a wrong shape.
 */
export function readTemplate(name: ElementName, item: Tlv): TemplateFiles {
  const { templateID } = readFields(item.value, name, {
    header: { tag: 0xa0 },
    templateID: { tag: 0x81 },
  });
  checkTemplate(templateID.value, name);
  const files = new Map<number, ProfileFile>();
  for (const field of readAll(item.value, name).slice(2)) {
    const path = `${name}.${field.tag.toString(16)}`;
    if (files.has(field.tag)) throw new DerError(path, 'twice');
    files.set(field.tag, readFile(field.value, path));
  }
  for (const tag of mandatoryFiles[name] ?? []) {
    if (!files.has(tag)) throw new DerError(`${name}.${tag.toString(16)}`, 'missing');
  }
  const iccid = contentOf(files.get(name === 'mf' || name === 'iot' ? 0xa4 : 0));
  const imsi = contentOf(files.get(name === 'usim' ? 0xa3 : name === 'iot' ? 0xa9 : 0));
  return {
    ...(iccid === undefined ? {} : { iccid: iccidOfFile(iccid) }),
    ...(imsi === undefined ? {} : { imsi: imsiOf(imsi) }),
  };
}

/** Content that the package writes; undefined where it leaves the file to the template. */
function contentOf(file: ProfileFile | undefined): Uint8Array | undefined {
  return file === undefined || file.content.length === 0 ? undefined : file.content;
}

function iccidOfFile(content: Uint8Array): Iccid {
  if (content.length !== 10) {
    throw new ElementError(PeStatus.badValues, `EF.ICCID of ${content.length} octets`);
  }
  return iccidOf(content);
}

function checkTemplate(oid: Uint8Array, name: ElementName): void {
  const length = templatePrefix.length;
  const due = templateOf[name];
  const fits = equal(oid.subarray(0, length), templatePrefix);
  if (!fits || oid.length <= length || (due !== undefined && oid[length] !== due)) {
    throw new ElementError(PeStatus.templateNotSupported, `${name}: template is not supported`);
  }
}

/** The digits of EF.IMSI: a length, then parity and the first digit, then pairs, nibble-swapped. */
function imsiOf(content: Uint8Array): string {
  const length = content[0] ?? 0;
  const nibbles = [...content.subarray(1, 1 + length)].flatMap((octet) => [octet & 15, octet >> 4]);
  const digits = nibbles.slice(1).filter((nibble, i, all) => nibble < 10 || i < all.length - 1);
  if (length < 1 || length > 8 || digits.some((digit) => digit > 9) || content.length > 9) {
    throw new ElementError(PeStatus.badValues, 'EF.IMSI does not hold an IMSI');
  }
  return digits.join('');
}
