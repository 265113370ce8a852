/**
 * Reads an unprotected profile package as an eUICC does: every element by its shape, the elements among each other by
 * the order rules of SAIP, what it asks for against what the eUICC can do.
 */
import { concat } from '../../../src/base/bytes.ts';
import type { Iccid } from '../../../src/messages/ids.ts';
import { DerError, readAll, readOnly, type Tlv } from '../../../src/messages/tlv.ts';
import { type Aka, readAka, readPinCodes, readPukCodes, readSecurityDomain } from './codes.ts';
import { type ElementName, elementOf } from './elements.ts';
import { readFields } from './fields.ts';
import { readFileManagement } from './files.ts';
import { readHeader } from './header.ts';
import { readInteger } from './integer.ts';
import { type ProfileHeader, type ReadOptions, readProfileHeader } from './profile-header.ts';
import { ElementError, PeStatus, ProfileError } from './status.ts';
import { readTemplate } from './template.ts';

/** What an eUICC takes from a package. */
export interface Profile extends ProfileHeader {
  /** Content of EF.ICCID, where the package writes it. */
  readonly efIccid?: Iccid;
  /** Digits of EF.IMSI of the first USIM. */
  readonly imsi?: string;
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

/** Reads a whole package. Throws ProfileError for anything an eUICC refuses, and nothing else. */
export function readProfile(bytes: Uint8Array, options: ReadOptions = {}): Profile {
  const reader = new ProfileReader(options);
  reader.push(bytes);
  return reader.done();
}

const fileSystemRoots: readonly ElementName[] = ['mf', 'iot'];

/** Reads a package that comes in pieces: each element is judged as soon as it is whole. */
export class ProfileReader {
  readonly #options: ReadOptions;
  readonly #elements: Element[] = [];
  readonly #identifications = new Set<number>();
  readonly #puks = new Set<number>();
  readonly #aka: Aka[] = [];
  #header: ProfileHeader | undefined;
  #efIccid: Iccid | undefined;
  #imsi: string | undefined;
  /** A USIM, ISIM or CSIM whose PINs and algorithm have not come yet. */
  #naa: { readonly name: ElementName; pins: boolean; algorithm: boolean } | undefined;

  /** An application's directory was created file by file, without a template. */
  #adf = false;
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
        this.#header = readProfileHeader(item.value, this.#options);
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
    if (this.#header === undefined || !this.#has('end')) {
      throw new ProfileError(PeStatus.invalidRequestFormat, undefined, 'no end');
    }
    if (this.#rest.length > 0) {
      const complaint = `${this.#rest.length} octets after the end`;
      throw new ProfileError(PeStatus.invalidRequestFormat, undefined, complaint);
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
        if (readFileManagement(body(item, name), name).some((file) => file.adf)) this.#adf = true;
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
        this.#readFiles(name, item);
    }
  }

  /** An element that creates files: the file system first and once, everything else in it. */
  #readFiles(name: ElementName, item: Tlv): void {
    const root = fileSystemRoots.includes(name);
    if (root && this.#has(...fileSystemRoots)) throw format(`${name}: a second file system`);
    if (!root) this.#needFileSystem(name);
    const { iccid, imsi } = readTemplate(name, item);
    this.#efIccid ??= iccid;
    this.#imsi ??= imsi;
    if (name === 'usim' || name === 'isim' || name === 'csim') {
      this.#checkNaa();
      this.#naa = { name, pins: false, algorithm: false };
    }
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
    else if (!this.#adf && !this.#has('iot')) throw format(`${name} without an NAA before it`);
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

function format(complaint: string): ElementError {
  return new ElementError(PeStatus.invalidRequestFormat, complaint);
}
