/** The first element of a package: what the profile is called and what it needs of the eUICC (SAIP 8.1). */
import { fromUtf8 } from '../../../src/base/bytes.ts';
import { type Iccid, iccidOf } from '../../../src/messages/ids.ts';
import { readAll, type Tlv } from '../../../src/messages/tlv.ts';
import { type Service, services } from './elements.ts';
import { readFields } from './fields.ts';
import { readInteger } from './integer.ts';
import { ElementError, PeStatus } from './status.ts';

export interface ProfileHeader {
  readonly majorVersion: number;
  readonly minorVersion: number;
  readonly profileType?: string;
  /** ICCID of the header, nibble-swapped as in EF.ICCID and the metadata. */
  readonly iccid: Iccid;
  readonly mandatoryServices: readonly Service[];
  readonly connectivityParameters?: Uint8Array;
}

export interface ReadOptions {
  /** What the eUICC can do (default: all that SAIP 3 names). */
  readonly services?: readonly Service[];
  /** Major versions of packages that the eUICC knows (default 1, 2, 3). */
  readonly majorVersions?: readonly number[];
}

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

/** Reads the content of the header. Throws ElementError for what the eUICC does not support, DerError for a wrong shape. */
export function readProfileHeader(content: Uint8Array, options: ReadOptions): ProfileHeader {
  const fields = readFields(content, 'header', headerFields);
  const majorVersion = readInteger(fields['major-version'].value, 'header.major-version');
  const known = options.majorVersions ?? [1, 2, 3];
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
    mandatoryServices: readServices(fields['eUICC-Mandatory-services'], options),
    ...(connectivityParameters === undefined
      ? {}
      : { connectivityParameters: connectivityParameters.value.slice() }),
  };
}

function readServices(list: Tlv, options: ReadOptions): Service[] {
  const able = options.services ?? services;
  return readAll(list.value, 'header.eUICC-Mandatory-services').map((item) => {
    const service = services[item.tag - 0x80];
    if (service === undefined || !able.includes(service)) {
      const complaint = `mandatory service ${service ?? item.tag.toString(16)} is not supported`;
      throw new ElementError(PeStatus.featureNotSupported, complaint);
    }
    return service;
  });
}

function textOf(item: Tlv): string {
  try {
    return fromUtf8(item.value);
  } catch {
    throw new ElementError(PeStatus.badValues, 'header.profileType is not UTF-8');
  }
}

/** Both nibbles of every octet change places. */
export function swapNibbles(octets: Uint8Array): Uint8Array {
  return octets.map((octet) => ((octet & 15) << 4) | (octet >> 4));
}
