/** What is kept as DER, as JSON that people read: configurations of eIMs, data of eUICC and IPA, certificates. */
import { X509Certificate } from 'node:crypto';
import { BytesError, hex, toHex } from '../base/bytes.ts';
import { members } from '../base/members.ts';
import type { Asn1 } from '../messages/asn1-type.ts';
import { EimConfigurationData } from '../messages/eco.ts';
import { EuiccPackageResultList } from '../messages/euicc-package.ts';
import { IpaCapabilities } from '../messages/ipa-euicc-data.ts';
import { PendingNotificationList } from '../messages/notifications.ts';
import { readable } from '../messages/readable.ts';
import { DeviceInfo, EUICCInfo1, EUICCInfo2 } from '../messages/rsp.ts';
import { DerError } from '../messages/tlv.ts';
import type { CertificateView } from './api/euiccs.ts';

/** The members of a eUICC's data, by the names of IpaEuiccData. */
const readers: Readonly<Record<string, (der: Uint8Array) => unknown>> = {
  euiccInfo1: (der) => decoded(EUICCInfo1, der),
  euiccInfo2: (der) => decoded(EUICCInfo2, der),
  eumCertificate: certificateView,
  euiccCertificate: certificateView,
  ipaCapabilities: (der) => decoded(IpaCapabilities, der),
  deviceInfo: (der) => decoded(DeviceInfo, der),
  notificationsList: (der) => decoded(PendingNotificationList, der),
  euiccPackageResultList: (der) => decoded(EuiccPackageResultList, der),
};

/** The member with this name, readable; hex where it cannot be read. */
export function readableData(name: string, der: Uint8Array): unknown {
  return Object.hasOwn(readers, name) ? readers[name]?.(der) : toHex(der);
}

/** `euiccDataResult` of an outcome, its members readable. */
export function readableDataResult(result: unknown): unknown {
  const { edrResult, euiccData } = members(result);
  if (typeof euiccData !== 'object' || euiccData === null) return result;
  const read = Object.entries(euiccData).map(([name, value]) => [
    name,
    typeof value === 'string' && Object.hasOwn(readers, name) ? fromHex(name, value) : value,
  ]);
  return { edrResult, euiccData: Object.fromEntries(read) };
}

function fromHex(name: string, text: string): unknown {
  try {
    return readableData(name, hex(text));
  } catch (error) {
    if (error instanceof BytesError) return text;
    throw error;
  }
}

/** An eCO's EimConfigurationData: its members, and the DER itself. */
export function readableConfiguration(eimConfigurationData: string): object {
  const configuration = decoded(EimConfigurationData, hex(eimConfigurationData));
  return { ...members(configuration), eimConfigurationData };
}

function decoded<T>(type: Asn1<T>, der: Uint8Array): unknown {
  try {
    return readable(type, type.decode(der));
  } catch (error) {
    if (error instanceof DerError) return toHex(der);
    throw error;
  }
}

export function certificateView(der: Uint8Array): CertificateView | string {
  let read: X509Certificate;
  try {
    read = new X509Certificate(der);
  } catch {
    // OpenSSL has many ways to say that these bytes are no certificate.
    return toHex(der);
  }
  return {
    subject: oneLine(read.subject),
    issuer: oneLine(read.issuer),
    serialNumber: read.serialNumber,
    notBefore: read.validFrom,
    notAfter: read.validTo,
    der: toHex(der),
  };
}

function oneLine(name: string): string {
  return name.split('\n').join(', ');
}
