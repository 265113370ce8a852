/**
 * Reads an unprotected profile package as an eUICC does: every element by its shape, the elements among each other by
 * the order rules of SAIP, what it asks for against what the eUICC can do. Accepts the published TS.48 packages.
 */
import { concat, equal, fromUtf8 } from '../../../src/base/bytes.ts';
import { type Iccid, iccidOf } from '../../../src/messages/ids.ts';
import { DerError, readAll, readOnly, type Tlv } from '../../../src/messages/tlv.ts';
import { type Aka, readAka, readPinCodes, readPukCodes, readSecurityDomain } from './codes.ts';
import {
  type ElementName,
  elementOf,
  type Service,
  services,
  templateOf,
  templatePrefix,
} from './elements.ts';
import { readFields } from './fields.ts';
import { type ProfileFile, readFile, readFileManagement } from './files.ts';
import { readHeader } from './header.ts';
import { readInteger } from './integer.ts';
import { ElementError, PeStatus, ProfileError } from './status.ts';

/** What an eUICC takes from a package. */
export interface Profile {
  readonly majorVersion: number;
  readonly minorVersion: number;
  readonly profileType?: string;
  /** ICCID of the header, nibble-swapped as in EF.ICCID and the metadata. */
  readonly iccid: Iccid;
  /** Content of EF.ICCID, where the package writes it. */
  readonly efIccid?: Iccid;
  /** Digits of EF.IMSI of the first USIM. */
  readonly imsi?: string;
  readonly mandatoryServices: readonly Service[];
  readonly connectivityParameters?: Uint8Array;
  readonly aka: readonly Aka[];
  readonly elements: readonly Element[];
  /** Octets of the package. */
  readonly size: number;
}

export interface Element {
  readonly name: ElementName;
  readonly identification?: number;
  /** Octets, tag and length included. */
  readonly size: number;
}

export interface ReadOptions {
  /** What the eUICC can do (default: all that SAIP 3 names). */
  readonly services?: readonly Service[];
  /** Major versions of packages that the eUICC knows (default 1, 2, 3). */
  readonly majorVersions?: readonly number[];
}

/** Reads a whole package. Throws ProfileError for anything an eUICC refuses, and nothing else. */
export function readProfile(bytes: Uint8Array, options: ReadOptions = {}): Profile {
  const reader = new ProfileReader(options);
  reader.push(bytes);
  return reader.done();
}

type Header = Pick<
  Profile,
  | 'majorVersion'
  | 'minorVersion'
  | 'profileType'
  | 'iccid'
  | 'mandatoryServices'
  | 'connectivityParameters'
>;

const headerFields = {
  'major-version': { tag: 0x80 },
  'minor-version': { tag: 0x81 },
  profileType: { tag: 0x82, optional: true, size: [1, 100] },
  iccid: { tag: 0x83, size: [10, 10] },
  pol: { tag: 0x84, optional: true },
  'eUICC-Mandatory-services': { tag: 0xa5 },
  'eUICC-Mandatory-GFSTEList': { tag: 0xa6 },
  connectivityParameters: { tag: 0x87, optional: true },
  'eUICC-Mandatory-AIDs': { tag: 0xa8, optional: true },
  iotOptions: { tag: 0xa9, optional: true },
} as const;

const fileSystemRoots: readonly ElementName[] = ['mf', 'iot'];

/** Reads a package that comes in pieces: each element is judged as soon as it is whole. */
export class ProfileReader {
  readonly #options: ReadOptions;
  readonly #elements: Element[] = [];
  readonly #identifications = new Set<number>();
  readonly #puks = new Set<number>();
  readonly #aka: Aka[] = [];
  #header: Header | undefined;
  #efIccid: Iccid | undefined;
  #imsi: string | undefined;
  /** A USIM, ISIM or CSIM whose PINs and algorithm have not come yet. */
  #naa: { readonly name: ElementName; pins: boolean; algorithm: boolean } | undefined;

  /** The beginning of the element that is not whole yet. */
  #rest: Uint8Array = new Uint8Array();
  #size = 0;

  constructor(options: ReadOptions = {}) {
    this.#options = options;
  }

  /** Takes the next octets, cut anywhere. Throws ProfileError; nothing may follow that. */
  push(bytes: Uint8Array): void {
    this.#size += bytes.length;
    let rest = concat(this.#rest, bytes);
    try {
      for (;;) {
        const header = readHeader(rest, 'package');
        const length = header === undefined ? 0 : header.headerLength + header.length;
        if (header === undefined || rest.length < length) break;
        this.#element(readOnly(rest.subarray(0, length)));
        rest = rest.subarray(length);
      }
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
      throw new ProfileError(PeStatus.invalidRequestFormat, undefined, error.message);
    }
    this.#rest = rest;
  }

  #element(item: Tlv): void {
    let identification: number | undefined;
    try {
      const name = elementOf(item.tag);
      if (this.#has('end')) throw format('an element after the end');
      if (name === 'header') {
        if (this.#header !== undefined) throw format('a second header');
        this.#header = this.#readHeader(item.value);
        this.#elements.push({ name, size: item.raw.length });
        return;
      }
      if (this.#header === undefined) throw format('the package does not begin with a header');
      const header = readPeHeader(item);
      identification = header.identification;
      if (this.#identifications.has(identification)) {
        throw new ElementError(PeStatus.badValues, `identification ${identification} twice`);
      }
      this.#identifications.add(identification);
      if (name === undefined || name === 'nonStandard') {
        if (header.mandated) {
          const complaint = `mandated element ${item.tag.toString(16)} is not supported`;
          throw new ElementError(PeStatus.peNotSupported, complaint);
        }
        return;
      }
      this.#read(name, item);
      this.#elements.push({ name, identification, size: item.raw.length });
    } catch (error) {
      if (error instanceof DerError) {
        throw new ProfileError(PeStatus.invalidRequestFormat, identification, error.message);
      }
      if (error instanceof ElementError) {
        throw new ProfileError(error.status, identification, error.message);
      }
      throw error;
    }
  }

  /** What the package is, once all of it has come. Throws ProfileError where something is missing. */
  done(): Profile {
    if (this.#header === undefined || !this.#has('end') || this.#rest.length > 0) {
      throw new ProfileError(PeStatus.invalidRequestFormat, undefined, 'no end');
    }
    return {
      ...this.#header,
      ...(this.#efIccid === undefined ? {} : { efIccid: this.#efIccid }),
      ...(this.#imsi === undefined ? {} : { imsi: this.#imsi }),
      aka: this.#aka,
      elements: this.#elements,
      size: this.#size,
    };
  }

  #has(...names: readonly ElementName[]): boolean {
    return this.#elements.some((element) => names.includes(element.name));
  }

  #readHeader(content: Uint8Array): Header {
    const fields = readFields(content, 'header', headerFields);
    const majorVersion = readInteger(fields['major-version'].value, 'header.major-version');
    const known = this.#options.majorVersions ?? [1, 2, 3];
    if (!known.includes(majorVersion)) {
      const complaint = `package of version ${majorVersion}`;
      throw new ElementError(PeStatus.unsupportedProfileVersion, complaint);
    }
    const { profileType, connectivityParameters } = fields;
    return {
      majorVersion,
      minorVersion: readInteger(fields['minor-version'].value, 'header.minor-version'),
      ...(profileType === undefined ? {} : { profileType: textOf(profileType) }),
      iccid: iccidOf(swapNibbles(fields.iccid.value)),
      mandatoryServices: this.#readServices(fields['eUICC-Mandatory-services']),
      ...(connectivityParameters === undefined
        ? {}
        : { connectivityParameters: connectivityParameters.value.slice() }),
    };
  }

  #readServices(list: Tlv): Service[] {
    const able = this.#options.services ?? services;
    return readAll(list.value, 'header.eUICC-Mandatory-services').map((item) => {
      const service = services[item.tag - 0x80];
      if (service === undefined || !able.includes(service)) {
        const complaint = `mandatory service ${service ?? item.tag.toString(16)} is not supported`;
        throw new ElementError(PeStatus.featureNotSupported, complaint);
      }
      return service;
    });
  }

  #read(name: ElementName, item: Tlv): void {
    switch (name) {
      case 'pukCodes':
        this.#needFileSystem(name);
        for (const puk of readPukCodes(body(item, name), name)) this.#puks.add(puk);
        return;
      case 'pinCodes':
        this.#needFileSystem(name);
        readPinCodes(body(item, name), name, this.#puks);
        if (this.#naa !== undefined) this.#naa.pins = true;
        return;
      case 'akaParameter':
        this.#needNaa(name);
        this.#aka.push(readAka(body(item, name), name));
        return;
      case 'cdmaParameter':
        this.#needNaa(name);
        readFields(item.value, name, {
          header: { tag: 0xa0 },
          authenticationKey: { tag: 0x81, size: [8, 8] },
        });
        return;
      case 'genericFileManagement':
        this.#needFileSystem(name);
        readFileManagement(body(item, name), name);
        return;
      case 'securityDomain': {
        const fields = readFields(item.value, name, {
          header: { tag: 0xa0 },
          instance: { tag: 0xa1 },
          keyList: { tag: 0xa2, optional: true },
        });
        readSecurityDomain(fields.instance.value, fields.keyList?.value, name);
        return;
      }
      case 'rfm':
        readFields(item.value, name, {
          header: { tag: 0xa0 },
          instanceAID: { tag: 0x4f, size: [5, 16] },
          securityDomainAID: { tag: 0x4f, optional: true, size: [5, 16] },
          tarList: { tag: 0xa0, optional: true },
          minimumSecurityLevel: { tag: 0x81, size: [1, 1] },
          uiccAccessDomain: { tag: 0x04 },
          uiccAdminAccessDomain: { tag: 0x04 },
        });
        return;
      case 'application':
        return;
      case 'end':
        this.#readEnd();
        return;
      default:
        this.#readTemplate(name, item);
    }
  }

  /** An element that creates files of a template: A0 header, 81 templateID, and a File under every other tag. */
  #readTemplate(name: ElementName, item: Tlv): void {
    const root = fileSystemRoots.includes(name);
    if (root && this.#has(...fileSystemRoots)) throw format(`${name}: a second file system`);
    if (!root) this.#needFileSystem(name);
    const { templateID } = readFields(item.value, name, {
      header: { tag: 0xa0 },
      templateID: { tag: 0x81 },
    });
    checkTemplate(templateID.value, name);
    const files = new Map<number, ProfileFile>();
    for (const field of readAll(item.value, name).slice(2)) {
      const path = `${name}.${field.tag.toString(16)}`;
      if (files.has(field.tag)) throw format(`${path} twice`);
      files.set(field.tag, readFile(field.value, path));
    }
    for (const tag of mandatoryFiles[name] ?? []) {
      if (!files.has(tag)) throw format(`${name}.${tag.toString(16)} is missing`);
    }
    if (name === 'mf' || name === 'iot') this.#takeIccid(files.get(0xa4));
    if (name === 'usim') this.#takeImsi(files.get(0xa3));
    if (name === 'iot') this.#takeImsi(files.get(0xa9));
    if (name === 'usim' || name === 'isim' || name === 'csim') {
      this.#checkNaa();
      this.#naa = { name, pins: false, algorithm: false };
    }
  }

  #takeIccid(file: ProfileFile | undefined): void {
    if (file === undefined || file.content.length === 0) return;
    if (file.content.length !== 10) {
      const complaint = `EF.ICCID of ${file.content.length} octets`;
      throw new ElementError(PeStatus.badValues, complaint);
    }
    this.#efIccid = iccidOf(file.content);
  }

  #takeImsi(file: ProfileFile | undefined): void {
    if (this.#imsi !== undefined || file === undefined || file.content.length === 0) return;
    this.#imsi = imsiOf(file.content);
  }

  #readEnd(): void {
    this.#checkNaa();
    if (!this.#has(...fileSystemRoots)) throw format('no file system (mf or iot)');
    if (!this.#has('securityDomain')) throw format('no security domain');
    if (this.#has('iot') && this.#aka.length === 0) throw format('iot: no akaParameter');
  }

  #needFileSystem(name: ElementName): void {
    if (!this.#has(...fileSystemRoots)) throw format(`${name} before mf`);
  }

  #needNaa(name: ElementName): void {
    if (this.#naa !== undefined) this.#naa.algorithm = true;
    else if (!this.#has('iot')) throw format(`${name} without an NAA before it`);
  }

  /** The NAA before this place is whole: its PINs and its algorithm came. */
  #checkNaa(): void {
    const naa = this.#naa;
    if (naa === undefined) return;
    if (!naa.pins) {
      throw new ElementError(PeStatus.pinCodeMissing, `${naa.name}: no pinCodes follow it`);
    }
    if (!naa.algorithm) throw format(`${naa.name}: no algorithm follows it`);
  }
}

/** Tags of the files that an element cannot do without. */
const mandatoryFiles: Partial<Readonly<Record<ElementName, readonly number[]>>> = {
  mf: [0xa2, 0xa4, 0xa5, 0xa6],
  usim: [0xa2, 0xa3, 0xa4, 0xa8, 0xad, 0xae, 0xb2, 0xb6],
  isim: [0xa2, 0xa3, 0xa4, 0xa5, 0xa6],
};

/** The PEHeader at the start of every element but the first: `A0 { 80 mandated NULL OPTIONAL, 81 identification }`. */
function readPeHeader(item: Tlv): { mandated: boolean; identification: number } {
  const path = elementOf(item.tag) ?? `element ${item.tag.toString(16)}`;
  const first = readAll(item.value, path)[0];
  if (first?.tag !== 0xa0) throw new DerError(path, 'no header');
  const fields = readFields(first.value, `${path}.header`, {
    mandated: { tag: 0x80, optional: true, size: [0, 0] },
    identification: { tag: 0x81 },
  });
  const identification = readInteger(fields.identification.value, `${path}.identification`);
  if (identification > 0x7fff) throw new DerError(path, 'identification above 32767');
  return { mandated: fields.mandated !== undefined, identification };
}

/** The content of an element that is a header and one more field, A1. */
function body(item: Tlv, path: string): Uint8Array {
  return readFields(item.value, path, { header: { tag: 0xa0 }, body: { tag: 0xa1 } }).body.value;
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

function textOf(item: Tlv): string {
  try {
    return fromUtf8(item.value);
  } catch {
    throw new ElementError(PeStatus.badValues, 'header.profileType is not UTF-8');
  }
}

function format(complaint: string): ElementError {
  return new ElementError(PeStatus.invalidRequestFormat, complaint);
}

export function swapNibbles(octets: Uint8Array): Uint8Array {
  return octets.map((octet) => ((octet & 15) << 4) | (octet >> 4));
}
