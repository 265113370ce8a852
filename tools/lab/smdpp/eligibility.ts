/** Whether an eUICC can take a profile (SGP.22 annex F): asked before anything is bound. */
import { Reader } from '../../../src/base/bytes.ts';
import { type EUICCInfo2, ProfileClass, StoreMetadataRequest } from '../../../src/messages/rsp.ts';
import { readAll, readTlv } from '../../../src/messages/tlv.ts';
import { type Service, services } from '../profile/elements.ts';
import { Refusal } from '../server/refusal.ts';
import { tolerant } from './tolerant.ts';

type Capability = EUICCInfo2['uiccCapability'][number];

/** The bit of uiccCapability that stands for a mandatory service. */
const capabilityOf: { readonly [S in Service]: Capability } = {
  contactless: 'contactlessSupport',
  usim: 'usimSupport',
  isim: 'isimSupport',
  csim: 'csimSupport',
  milenage: 'akaMilenage',
  tuak128: 'akaTuak128',
  cave: 'akaCave',
  'gba-usim': 'gbaAuthenUsim',
  'gba-isim': 'gbaAuthenISim',
  mbms: 'mbmsAuthenUsim',
  eap: 'eapClient',
  javacard: 'javacard',
  multos: 'multos',
  'multiple-usim': 'multipleUsimSupport',
  'multiple-isim': 'multipleIsimSupport',
  'multiple-csim': 'multipleCsimSupport',
  tuak256: 'akaTuak256',
  'usim-test-algorithm': 'usimTestAlgorithm',
  'ber-tlv': 'berTlvFileSupport',
  dfLink: 'dfLinkSupport',
  'cat-tp': 'catTp',
  'get-identity': 'getIdentity',
  'profile-a-x25519': 'profile-a-x25519',
  'profile-b-p256': 'profile-b-p256',
  suciCalculatorApi: 'suciCalculatorApi',
  'dns-resolution': 'dns-resolution',
  scp11ac: 'scp11ac',
  'scp11c-authorization-mechanism': 'scp11c-authorization-mechanism',
  s16mode: 's16mode',
  eaka: 'eaka',
};

/** Throws Refusal (notEligible, memoryInsufficient). */
export function checkEligibility(
  profile: { readonly upp: Uint8Array; readonly storeMetadata: Uint8Array },
  euicc: EUICCInfo2,
): void {
  const metadata = StoreMetadataRequest.decode(profile.storeMetadata);
  const header = readHeader(profile.upp);
  if (header !== undefined) {
    for (const service of header.mandatoryServices) {
      if (!euicc.uiccCapability.includes(capabilityOf[service])) {
        throw new Refusal('notEligible', `service ${service}`);
      }
    }
    const versions = [
      euicc.profileVersion,
      ...(euicc.additionalEuiccProfilePackageVersions ?? []),
    ].map((version) => version[0] ?? 0);
    if (header.majorVersion > Math.max(...versions)) {
      throw new Refusal('notEligible', `profile package version ${header.majorVersion}`);
    }
  }
  for (const rule of metadata.profilePolicyRules ?? []) {
    if (euicc.forbiddenProfilePolicyRules?.includes(rule)) {
      throw new Refusal('notEligible', `policy rule ${rule}`);
    }
  }
  if (
    metadata.profileClass === ProfileClass.test &&
    !euicc.rspCapability.includes('testProfileSupport')
  ) {
    throw new Refusal('notEligible', 'test profiles');
  }
  const free = freeMemory(euicc.extCardResource);
  if (free !== undefined && free < profile.upp.length) {
    throw new Refusal('memoryInsufficient', `${free} octets for ${profile.upp.length}`);
  }
}

/** freeNonVolatileMemory (tag 82) of extCardResource (ETSI TS 102 226 8.2.1.7.2), in octets. */
function freeMemory(extCardResource: Uint8Array): number | undefined {
  const value = tolerant(() => readAll(extCardResource))?.find((one) => one.tag === 0x82)?.value;
  if (value === undefined || value.length === 0) return undefined;
  return value.reduce((number, octet) => number * 256 + octet, 0);
}

/** What the header asks of an eUICC; undefined where the package begins with none, which is the eUICC's to refuse. */
function readHeader(
  upp: Uint8Array,
): { majorVersion: number; mandatoryServices: Service[] } | undefined {
  return tolerant(() => {
    const header = readTlv(upp);
    if (header.tag !== 0xa0) return undefined;
    const fields = readAll(header.value);
    const version = fields.find((field) => field.tag === 0x80)?.value ?? new Uint8Array();
    const asked = fields.find((field) => field.tag === 0xa5)?.value ?? new Uint8Array();
    return {
      majorVersion: new Reader(version).uint8(),
      mandatoryServices: readAll(asked).flatMap(({ tag }) => services[tag - 0x80] ?? []),
    };
  });
}
