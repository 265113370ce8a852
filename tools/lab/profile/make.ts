/**
 * Makes profile packages that a parser accepts: a USIM with Milenage, PINs, PUKs and the operator's security domain
 * in nine elements, grown to any size with files of pseudo-random content. Lab profiles only: the security domain's keys
 * and the codes are known to everyone.
 */
import { createCipheriv, createHash } from 'node:crypto';
import { concat, hex, utf8 } from '../../../src/base/bytes.ts';
import { type Iccid, iccidOctets, iccidOfDigits } from '../../../src/messages/ids.ts';
import { tlv } from '../../../src/messages/tlv.ts';
import { ElementTag } from './elements.ts';
import { integer } from './integer.ts';
import { swapNibbles } from './profile-header.ts';

export interface ProfileParameters {
  /** Nibble-swapped, as everywhere on the wire (default: digits 89880000000000000017). */
  readonly iccid?: Iccid;
  /** 6 to 15 digits (default 001010000000001). */
  readonly imsi?: string;
  /** Milenage K, 16 octets (default 00 to 0F). */
  readonly key?: Uint8Array;
  /** Milenage OPc, 16 octets (default 10 to 1F). */
  readonly opc?: Uint8Array;
  /** Up to 16 characters of ASCII in EF.SPN (default Lab). */
  readonly serviceProviderName?: string;
  /** profileType of the header, 1 to 100 octets (default Lab Minimal). */
  readonly name?: string;
  /** Octets that the package shall have (default: as few as the parameters need). */
  readonly size?: number;
  /** What the content of the added files is made from (default: the ICCID). */
  readonly seed?: string;
}

/** Octets of content in one added file. */
const fileSize = 8192;
/** File identifiers of added files: 2F40 on, clear of the MF's own (2F00, 2F05, 2F06, 2F08, 2FE2). */
const firstFileId = 0x2f40;
const lastFileId = 0x2fdf;

/**
 * A package with these parameters, and of exactly `size` octets where that is given. Throws RangeError for a size that
 * cannot be made, and for parameters that do not fit their files.
 */
export function makeProfile(parameters: ProfileParameters = {}): Uint8Array {
  const iccid = parameters.iccid ?? iccidOfDigits('89880000000000000017');
  const elements = [
    header(iccid, parameters.name ?? 'Lab Minimal'),
    masterFile(iccid),
    pukCodes(),
    pinCodes(),
    usim(parameters.imsi ?? '001010000000001', parameters.serviceProviderName ?? 'Lab'),
    localPinCodes(),
    akaParameter(
      parameters.key ?? hex('000102030405060708090A0B0C0D0E0F'),
      parameters.opc ?? hex('101112131415161718191A1B1C1D1E1F'),
    ),
    securityDomain(),
  ];
  const firstFree = elements.length;
  const base = concat(...elements);
  const files = growth(parameters.size, base.length, firstFree);
  const content = contentSource(parameters.seed ?? iccid);
  const grown = files.map((octets, i) =>
    fileElement(firstFree + i, firstFileId + i, content(octets)),
  );
  return concat(base, ...grown, end(firstFree + files.length));
}

/** Octets of content of each added file, so that the package has `size` octets. */
function growth(size: number | undefined, base: number, firstFree: number): number[] {
  const endLength = (files: number) => end(firstFree + files).length;
  const smallest = base + endLength(0);
  if (size === undefined || size === smallest) return [];
  const element = (index: number, octets: number) =>
    fileElement(firstFree + index, firstFileId + index, new Uint8Array(octets)).length;
  const most = lastFileId - firstFileId + 1;
  const files: number[] = [];
  let length = base;
  while (size - length - endLength(files.length + 1) > element(files.length, fileSize)) {
    if (files.length >= most) break;
    length += element(files.length, fileSize);
    files.push(fileSize);
  }
  for (const before of splits(files)) {
    const used = before.reduce((sum, octets, i) => sum + element(i, octets), base);
    const last = size - used - endLength(before.length + 1);
    if (before.length >= most) continue;
    for (let octets = Math.max(0, last - 60); octets <= Math.min(last, fileSize); octets++) {
      if (element(before.length, octets) === last) return [...before, octets];
    }
  }
  throw new RangeError(
    `no package of ${size} octets: the smallest with these parameters has ${smallest}, the next ${smallest + element(0, 0)}, the largest about ${most * fileSize}`,
  );
}

/**
 * Ways to fill all but the last file: whole, one shorter by a few octets, one more small file. A length that takes one
 * octet more skips a size; one of these ways meets it.
 */
function* splits(files: readonly number[]): Generator<number[]> {
  yield [...files];
  const last = files.length - 1;
  for (const shorter of [1, 2, 3, 4, 100, 101]) {
    if (last >= 0) yield files.with(last, fileSize - shorter);
  }
  for (const small of [1, 2, 3, 4, 5, 6]) yield [...files, small];
}

/** Octets that a seed decides and nothing compresses. */
function contentSource(seed: string): (length: number) => Uint8Array {
  const key = createHash('sha256').update(seed).digest().subarray(0, 16);
  const cipher = createCipheriv('aes-128-ctr', key, new Uint8Array(16));
  return (length) => new Uint8Array(cipher.update(new Uint8Array(length)));
}

function element(
  tag: number,
  identification: number,
  ...fields: readonly Uint8Array[]
): Uint8Array {
  return tlv(tag, tlv(0xa0, tlv(0x80), integer(0x81, identification)), ...fields);
}

function header(iccid: Iccid, name: string): Uint8Array {
  return tlv(
    ElementTag.header,
    hex('800102 810101'),
    tlv(0x82, bounded(utf8(name), 1, 100, 'name')),
    tlv(0x83, swapNibbles(iccidOctets(iccid))),
    hex('A5048100 8400 A610 060667810F010201 060667810F010204'),
  );
}

function masterFile(iccid: Iccid): Uint8Array {
  return element(
    ElementTag.mf,
    1,
    hex('810667810F010201 A20CA10A8B032F0601C60301020A'),
    tlv(0xa4, tlv(0x83, iccidOctets(iccid))),
    hex(`A523A109820442210026800126831661144F0CA0000000871002FF49FF058950045553494D
      A61DA1098204422100108001108310800101900080011AA40683010A950108`),
  );
}

/** PUK 1 "11111111", PUK 0x81 "22222222". */
function pukCodes(): Uint8Array {
  return element(
    ElementTag.pukCodes,
    2,
    hex('A11F 300D 800101 81083131313131313131 300E 80020081 81083232323232323232'),
  );
}

/** PIN 1 "0000", disabled; ADM 1 "55555555". */
function pinCodes(): Uint8Array {
  return element(
    ElementTag.pinCodes,
    3,
    hex(`A129A027 3013 800101 810830303030FFFFFFFF 820101 830106
      3010 80010A 81083535353535353535 830101`),
  );
}

function localPinCodes(): Uint8Array {
  return element(
    ElementTag.pinCodes,
    5,
    hex('A119A017 3015 80020081 810830303030FFFFFFFF 82020081 830101'),
  );
}

function usim(imsi: string, serviceProviderName: string): Uint8Array {
  const name = bounded(utf8(serviceProviderName), 0, 16, 'serviceProviderName');
  const spn = new Uint8Array(17).fill(0xff);
  spn[0] = 0;
  spn.set(name, 1);
  return element(
    ElementTag.usim,
    4,
    hex('810667810F010204 A21EA11C83027FD0840CA0000000871002FF49FF05898B032F0601C60301810A'),
    tlv(0xa3, tlv(0x83, imsiFile(imsi))),
    hex(`A41DA1098204422100108001108310800101900080011AA40683010A950108
      A81383110A00000000000000000000000000000000`),
    tlv(0xad, tlv(0x83, spn)),
    hex('AE03830100 B20483020001 B605830311F2FF'),
  );
}

function akaParameter(key: Uint8Array, opc: Uint8Array): Uint8Array {
  const parameters = tlv(
    0xa1,
    hex('800101 810101'),
    tlv(0x82, bounded(key, 16, 16, 'key')),
    tlv(0x83, bounded(opc, 16, 16, 'opc')),
  );
  return element(ElementTag.akaParameter, 6, tlv(0xa1, parameters));
}

/** The operator's security domain with three AES keys for SCP80. */
function securityDomain(): Uint8Array {
  const keys = [
    { usage: 0x38, identifier: 1, octet: 0x10 },
    { usage: 0x34, identifier: 2, octet: 0x20 },
    { usage: 0xc8, identifier: 3, octet: 0x30 },
  ];
  const list = keys.map(({ usage, identifier, octet }) =>
    tlv(
      0x30,
      tlv(0x95, Uint8Array.of(usage)),
      tlv(0x82, Uint8Array.of(identifier)),
      hex('830101'),
      tlv(0x30, tlv(0x30, hex('800188'), tlv(0x86, new Uint8Array(16).fill(octet)), hex('870108'))),
    ),
  );
  return element(
    ElementTag.securityDomain,
    7,
    hex(`A134 4F07A0000001515350 4F08A000000151535041 4F08A000000151000000
      820382DC00 83010F C90D810280008201F08301F08701F0`),
    tlv(0xa2, ...list),
  );
}

/** A transparent EF of the MF with this content: 46 octets of overhead where the content is longer than 255. */
function fileElement(identification: number, fileId: number, content: Uint8Array): Uint8Array {
  const size = integer(0x80, content.length);
  const minimal = tlv(0x80, size[2] === 0 && size.length > 3 ? size.subarray(3) : size.subarray(2));
  const fcp = tlv(
    0x62,
    hex('82024121'),
    tlv(0x83, Uint8Array.of(fileId >> 8, fileId & 0xff)),
    hex('8B032F0601'),
    minimal,
    tlv(0x88),
  );
  const command = tlv(0x30, tlv(0x80), fcp, tlv(0x81, content));
  return element(ElementTag.genericFileManagement, identification, tlv(0xa1, command));
}

function end(identification: number): Uint8Array {
  return element(ElementTag.end, identification);
}

/** EF.IMSI: length, then parity and the first digit, then pairs, nibble-swapped (TS 31.102 4.2.2). */
function imsiFile(imsi: string): Uint8Array {
  if (!/^[0-9]{6,15}$/.test(imsi)) throw new RangeError('an IMSI has 6 to 15 digits');
  const odd = imsi.length % 2 === 1;
  const nibbles = swapNibbles(hex(`${odd ? 9 : 1}${imsi}${odd ? '' : 'F'}`));
  const file = new Uint8Array(9).fill(0xff);
  file[0] = nibbles.length;
  file.set(nibbles, 1);
  return file;
}

function bounded(value: Uint8Array, least: number, most: number, what: string): Uint8Array {
  if (value.length >= least && value.length <= most) return value;
  throw new RangeError(`${what}: ${value.length} octets, ${least} to ${most} fit`);
}
