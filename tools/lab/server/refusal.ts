/** What the lab's servers refuse, with the status codes of SGP.22 5.2.6 (as text: 3.10 is not 3.1). */

/** Subject code, reason code and words for each refusal of ES9+, ES11, ES2+ and ES12 (SGP.22 5.3, 5.6, 5.8, 5.10). */
const StatusCodes = {
  contentTypeInvalid: ['1.2.1', '2.1', 'the content type is application/json'],
  protocolInvalid: ['1.2.2', '2.1', 'X-Admin-Protocol is gsma/rsp/v…'],
  malformed: ['1.3.1', '2.1', 'the request does not parse'],
  missing: ['1.3.1', '2.2', 'an element is missing'],

  addressRefused: ['8.8.1', '3.8', 'this SM-DP+ has another address'],
  svnUnsupported: ['8.8.3', '3.1', 'this SM-DP+ speaks SGP.22 v2 alone'],
  ciUnsupported: ['8.8.2', '3.1', 'no CI for signing that this SM-DP+ accepts'],
  certificateUnavailable: ['8.8.4', '3.7', 'no certificate here that this eUICC can verify'],

  transactionUnknown: ['8.10.1', '3.9', 'unknown transactionId'],
  euiccFailed: ['8.1', '4.2', 'the eUICC answered with an error'],
  ciUnknown: ['8.11.1', '3.9', 'the EUM certificate has an unknown CI'],
  eumInvalid: ['8.1.2', '6.1', 'the EUM certificate is not valid'],
  eumExpired: ['8.1.2', '6.3', 'the EUM certificate has expired'],
  euiccInvalid: ['8.1.3', '6.1', 'the eUICC certificate is not valid'],
  euiccExpired: ['8.1.3', '6.3', 'the eUICC certificate has expired'],
  euiccSignatureInvalid: ['8.1', '6.1', 'the signature of the eUICC does not fit'],

  matchingIdRefused: ['8.2.6', '3.8', 'no order for this matchingId'],
  eidMismatch: ['8.1.1', '3.8', 'the order is for another EID'],
  notReleased: ['8.2', '1.2', 'the profile is not released for download'],
  boundAlready: ['8.2', '3.7', 'the package is bound to another key already'],
  orderExpired: ['8.8.5', '4.10', 'the download order has expired'],
  attemptsUsedUp: ['8.8.5', '6.4', 'no download attempts are left'],
  notEligible: ['8.2.5', '4.3', 'the eUICC does not support this profile'],
  memoryInsufficient: ['8.1', '4.8', 'the eUICC has too little memory for this profile'],

  confirmationCodeMissing: ['8.2.7', '2.2', 'a confirmation code is required'],
  confirmationCodeRefused: ['8.2.7', '3.8', 'another confirmation code is due'],
  confirmationCodeUsedUp: ['8.2.7', '6.4', 'too many wrong confirmation codes'],

  smdpOidMismatch: ['8.8', '3.10', 'the smdpOid is that of another SM-DP+'],

  dsAddressRefused: ['8.9.1', '3.8', 'this SM-DS has another address'],
  dsSvnUnsupported: ['8.9.3', '3.1', 'this SM-DS speaks SGP.22 v2 alone'],
  dsCiUnsupported: ['8.9.2', '3.1', 'no CI for signing that this SM-DS accepts'],
  dsCertificateUnavailable: ['8.9.4', '3.7', 'no certificate here that this eUICC can verify'],
  eventUnknown: ['8.9.5', '3.9', 'no such event record'],
  eventInUse: ['8.9.5', '3.3', 'there is an event record of this EID and eventId already'],
  eidInvalid: ['8.1.1', '2.1', 'not an EID'],

  iccidUnknown: ['8.2.1', '3.9', 'no profile with this ICCID'],
  iccidMissing: ['8.2.1', '2.2', 'an ICCID or the final status is missing'],
  profileInUse: ['8.2.1', '3.3', 'the profile is not available for that'],
  transitionInvalid: ['8.2.1', '3.5', 'the profile cannot be released in this state'],
  profileTypeUnknown: ['8.2.5', '3.9', 'no profile of this type'],
  profileTypeExhausted: ['8.2.5', '3.7', 'no profile of this type is left'],
  profileTypeMismatch: ['8.2.5', '3.8', 'the profile with this ICCID has another type'],
  matchingIdInvalid: ['8.2.6', '2.1', 'a matchingId has capital letters, digits and hyphens'],
  matchingIdInUse: ['8.2.6', '3.3', 'another order has this matchingId'],
  matchingIdDiffers: ['8.2.6', '3.10', 'the order has another matchingId'],
  eidMissing: ['8.1.1', '2.2', 'this order needs its EID'],
  eidDiffers: ['8.1.1', '3.10', 'the order is for another EID'],
  smdsUnreachable: ['8.9', '5.1', 'the SM-DS cannot be reached'],
  smdsRefused: ['8.9', '4.2', 'the SM-DS refused'],
} as const satisfies Readonly<Record<string, readonly [string, string, string]>>;

export type RefusalReason = keyof typeof StatusCodes;

/** A server refuses; the door makes the answer of it. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly subjectCode: string;
  readonly reasonCode: string;

  constructor(reason: RefusalReason, detail?: string, options?: ErrorOptions) {
    const [subjectCode, reasonCode, words] = StatusCodes[reason];
    super(detail === undefined ? words : `${words}: ${detail}`, options);
    this.subjectCode = subjectCode;
    this.reasonCode = reasonCode;
  }
}

/** A refusal with codes of the caller's choice. */
export class ForcedRefusal extends Error {
  override readonly name = 'ForcedRefusal';
  readonly subjectCode: string;
  readonly reasonCode: string;

  constructor(subjectCode: string, reasonCode: string) {
    super('refused on command');
    this.subjectCode = subjectCode;
    this.reasonCode = reasonCode;
  }
}
