/** What the eUICC says of itself: EID, EUICCInfo1 and 2, addresses, certificates (SGP.22 5.7, SGP.32 5.9). */
import { concat, equal, hex, utf8 } from '../../../src/base/bytes.ts';
import { EUICCInfo1, EUICCInfo2, type UICCCapability } from '../../../src/messages/rsp.ts';
import type { Infer } from '../../../src/messages/schema.ts';
import { DerError, readAll, readOnly, tlv } from '../../../src/messages/tlv.ts';
import type { Service } from '../profile/elements.ts';
import type { Chip } from './chip.ts';

/** Versions: SGP.22 v2.5.0, SGP.32 v1.2.0, SAIP v3.3.1. */
const svn = hex('020500');
const iotVersion = hex('010200');
const profileVersion = hex('030301');

type Capability = Infer<typeof UICCCapability>[number];

/** What profiles may ask for, and the bit of UICCCapability that says so; the lab's eUICC has no other services. */
const capabilities: readonly (readonly [Service, Capability])[] = [
  ['usim', 'usimSupport'],
  ['isim', 'isimSupport'],
  ['csim', 'csimSupport'],
  ['milenage', 'akaMilenage'],
  ['cave', 'akaCave'],
  ['tuak128', 'akaTuak128'],
  ['tuak256', 'akaTuak256'],
  ['usim-test-algorithm', 'usimTestAlgorithm'],
  ['gba-usim', 'gbaAuthenUsim'],
  ['gba-isim', 'gbaAuthenISim'],
  ['mbms', 'mbmsAuthenUsim'],
  ['eap', 'eapClient'],
  ['javacard', 'javacard'],
  ['ber-tlv', 'berTlvFileSupport'],
  ['dfLink', 'dfLinkSupport'],
  ['cat-tp', 'catTp'],
  ['get-identity', 'getIdentity'],
  ['profile-a-x25519', 'profile-a-x25519'],
  ['profile-b-p256', 'profile-b-p256'],
  ['suciCalculatorApi', 'suciCalculatorApi'],
];

/** The mandatory services of profiles that this eUICC can meet. */
export const supportedServices: readonly Service[] = capabilities.map(([service]) => service);

/** GetEID, `BF3E{5C 01 5A}`. */
export function getEid(chip: Chip, command: Uint8Array): Uint8Array {
  const [tagList] = readAll(readOnly(command).value);
  if (tagList?.tag !== 0x5c || !equal(tagList.value, hex('5A'))) {
    throw new DerError('tagList', '5A is due');
  }
  return tlv(0xbf3e, tlv(0x5a, chip.eid));
}

export function euiccInfo1(chip: Chip): Uint8Array {
  return EUICCInfo1.encode({
    svn,
    euiccCiPKIdListForVerification: chip.verificationKeyIds,
    euiccCiPKIdListForSigning: chip.signingKeyIds,
  });
}

export function euiccInfo2(chip: Chip): Uint8Array {
  return EUICCInfo2.encode({
    profileVersion,
    svn,
    euiccFirmwareVer: hex('010000'),
    extCardResource: extCardResource(chip),
    uiccCapability: capabilities.map(([, capability]) => capability),
    ts102241Version: hex('100000'),
    globalplatformVersion: hex('020300'),
    rspCapability: ['additionalProfile', 'testProfileSupport'],
    euiccCiPKIdListForVerification: chip.verificationKeyIds,
    euiccCiPKIdListForSigning: chip.signingKeyIds,
    ppVersion: hex('010000'),
    sasAcreditationNumber: 'LAB-EUICC-0001',
    ipaMode: 0,
    iotSpecificInfo: { iotVersion: [iotVersion], ecallSupported: true, fallbackSupported: true },
  });
}

/** ETSI TS 102 226: installed applications, free non-volatile and free volatile memory. */
function extCardResource(chip: Chip): Uint8Array {
  return concat(
    tlv(0x81, Uint8Array.of(Math.min(chip.state.profiles.length, 0xff))),
    tlv(0x82, octets4(chip.state.freeMemory)),
    tlv(0x83, octets4(16 * 1024)),
  );
}

function octets4(value: number): Uint8Array {
  const octets = new Uint8Array(4);
  new DataView(octets.buffer).setUint32(0, Math.min(value, 2 ** 32 - 1));
  return octets;
}

/** GetEuiccConfiguredAddresses, `BF3C`. */
export function getConfiguredAddresses(chip: Chip): Uint8Array {
  const { defaultDpAddress, rootDsAddress } = chip.state;
  const dp = defaultDpAddress === undefined ? [] : [tlv(0x80, utf8(defaultDpAddress))];
  return tlv(0xbf3c, ...dp, tlv(0x81, utf8(rootDsAddress)));
}
