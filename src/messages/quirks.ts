/**
 * Known deviations from the standard, met in the field: what each is, and who was seen to do it. Each is accepted where that
 * is safe, counted for its device and EUM (fleet/quirks.ts), and refused under `messages.strict`. What is not here is not
 * tolerated. The shapes: field-shapes.ts.
 */

export interface Quirk {
  /** What is sent, and in place of what. */
  readonly about: string;
  /** Who does so, as far as is known, and where that is told. */
  readonly evidence: string;
  /** It is what SGP.32 v1.0 has there, and nothing else: who does so speaks v1.0. */
  readonly isV10?: true;
}

const goEim = 'interop log of a Go eIM (2026-08): production eUICCs and IPAs, captures unpublished';
const v10Module = 'SGP.32 v1.0, as onomondo-eim and onomondo-ipa have it';
const ttcn = 'conformance suites of Osmocom (osmo-ttcn3-hacks, 2026-08)';

export const quirks = {
  'bit-string-untrimmed': {
    about: 'a named BIT STRING with trailing zero bits (X.690 11.2.2)',
    evidence: `${goEim}; ${ttcn}`,
  },
  'boolean-not-ff': {
    about: 'a BOOLEAN that is true by another octet than FF (X.690 11.1)',
    evidence: 'seen of consumer eUICCs (facts sheet rsp-lab, 0.7)',
  },
  'default-present': {
    about: 'a member that is there with its default value (X.690 11.5)',
    evidence: 'encoders of asn1c (facts sheet sgp32-eim, 0.10)',
  },
  'x509-nested': {
    about:
      'a certificate or key whole under its context tag, which should take the place of its 30',
    evidence: `${goEim}; facts sheet rsp-lab, 0.4`,
  },
  'public-key-data-bare': {
    about:
      'A5 or A6 of EimConfigurationData with the key or certificate right under it, without its arm',
    evidence: 'an eIM that a second eIM would not read (facts sheet sgp32-eim, 2)',
  },
  'package-result-bare': {
    about: 'BF51{30{…}} or its parts right under BF51, without the arm A0, A1 or A2',
    evidence: `${goEim}; mock eUICCs (facts sheet rsp-lab, 0.5)`,
  },
  'package-error-code-bare': {
    about: 'BF51{02 code} or BF51{8F code} for an unsigned error',
    evidence: goEim,
  },
  'results-without-list': {
    about: 'results right behind seqNumber, without the 30 of their list',
    evidence: goEim,
  },
  'single-result-universal': {
    about: 'the result of a package of one operation as 02 nn, which is processingTerminated',
    evidence: `${goEim}; which eUICC is not said`,
  },
  'profile-list-bare': {
    about: 'BF2D{30{E3…}} or BF2D{E3…}, without the arm A0',
    evidence: goEim,
  },
  'profile-list-error-wrapped': {
    about: 'BF2D{A1{02 code}} or BF2D{02 code} for BF2D{81 code}',
    evidence: goEim,
  },
  'eim-list-bare': { about: 'AB{30…} for AB{A0{30…}}', evidence: goEim },
  'set-default-dp-address-result-universal': {
    about: 'BF65{02 code} for BF65{80 code}',
    evidence: goEim,
  },
  'ipa-euicc-data-bare': {
    about: 'the data right under BF52, without the arm A0',
    evidence: goEim,
  },
  'ipa-euicc-data-error-bare': {
    about: 'BF52{81 code} (as v1.0 has it) or BF52{02 code} for BF52{A1{02 code}}',
    evidence: `${v10Module}; ${goEim}`,
  },
  'ipa-euicc-data-v1.0': {
    about: 'defaultSmdpAddress under 80, ipaCapabilities under 88 in IpaEuiccData',
    evidence: v10Module,
    isV10: true,
  },
  'notification-bare': {
    about: 'a notification right under BF3D, without A0',
    evidence: goEim,
  },
  'notification-list-v1.0': {
    about: 'BF2B{A0{…}} where v1.2 has the list under A0',
    evidence: `${v10Module}; a C IPAd against a v1.2 eIM (facts sheet sgp32-eim, 2)`,
    isV10: true,
  },
  'handled-package-result-v1.0': {
    about: 'a package result under A1 of BF3D, where v1.2 has BF50',
    evidence: v10Module,
    isV10: true,
  },
  'eim-package-result-error-v1.0': {
    about: 'a mere 02 code, where v1.2 has A0 with eimTransactionId and code',
    evidence: v10Module,
  },
  'download-error-v1.0': {
    about: 'the error of a download without its reason',
    evidence: v10Module,
  },
  'rplmn-v1.0': {
    about: 'rPLMN under 81 of GetEimPackage, where v1.2 has stateChangeCause',
    evidence: v10Module,
    isV10: true,
  },
  'cancel-session-response-nested': {
    about: "the card's BF41 nested in CancelSession, where automatic tagging has A1",
    evidence: `${goEim}; the trap of facts sheet sgp32-eim, 1.9`,
  },
  'smds-address-universal': {
    about: 'an SM-DS address under 0C for 80',
    evidence: goEim,
  },
  'transfer-response-empty': {
    about: 'no message at all in answer to TransferEimPackage, for eimPackageReceived',
    evidence: 'servers that answer a CoAP POST by its code alone (unverified)',
  },
  'signature-der': {
    about: 'a signature of an eUICC Package result as DER SEQUENCE, for r‖s of 64 octets',
    evidence: goEim,
  },
  'eid-absent': {
    about: 'ProvideEimPackageResult without eidValue, which v1.1 brought',
    evidence: 'an IPA of Kigen, IPAs that speak JSON, all of v1.0 (facts sheet sgp32-eim, 2)',
  },
  'transaction-id-absent': {
    about: 'a package result without the eimTransactionId of its package',
    evidence: 'eUICCs of v1.0 (facts sheet sgp32-eim, 1.5.2); correlated by counterValue',
  },
} as const satisfies Readonly<Record<string, Quirk>>;

export type QuirkName = keyof typeof quirks;

export const quirkNames = Object.keys(quirks) as QuirkName[];

/** Where `name` is a quirk: what is known of it. */
export function quirkOf(name: QuirkName): Quirk {
  return quirks[name];
}
