/** eUICCs: what /v1 takes and what it answers. */
import { z } from 'zod';
import { type Sureness, sureness, topics } from '../../fleet/knowledge.ts';
import { euiccKey } from '../euicc-key.ts';
import { eidText } from './ids.ts';
import { ProfileView } from './profiles.ts';
import { cursor, pageLimit } from './query.ts';

/** What the results of a eUICC are believed for. */
const proof = z.enum(['certificates', 'operator', 'none', 'unproven']);

/** GET /v1/euiccs: those after an EID, in the order of EIDs. */
export const EuiccQuery = z.strictObject({
  level: z
    .enum(['v1.0', 'v1.2', 'v1.3'])
    .exactOptional()
    .describe('version of SGP.32 that the device speaks'),
  proof: proof.exactOptional().describe('what results are believed for'),
  after: cursor(eidText),
  limit: pageLimit,
});

/** The words of fleet/euiccs.ts for stateChangeCause. */
const cause = z.enum([
  'otherEim',
  'fallback',
  'emergencyProfile',
  'local',
  'reset',
  'immediateEnableProfile',
  'deviceChange',
  'undefined',
]);

/** PATCH /v1/euiccs/:eid: what is absent stays. Named as in the drop-in API. */
export const EuiccChange = z.strictObject({
  counterValue: z
    .int()
    .min(0)
    .max(2 ** 23 - 1)
    .exactOptional()
    .describe('SGP.32 2.11.1.1: at most 2^23 - 1'),
  associationToken: z.int().min(0).exactOptional().describe('as the eUICC holds it for this eIM'),
  consumerEuicc: z
    .boolean()
    .exactOptional()
    .describe('an IPA emulates it: results are believed without proof'),
  signAlgo: z
    .enum(['prime256v1', 'brainpoolP256r1'])
    .exactOptional()
    .describe('The curve of signPubKey; absent: the one that the key is on'),
  signPubKey: euiccKey
    .nullable()
    .exactOptional()
    .describe(
      "The operator's word for the eUICC's key: no certificate changes it. null: it is learned (again)",
    ),
  signingKey: euiccKey
    .nullable()
    .exactOptional()
    .describe(
      'The key of this eIM that the eUICC takes packages of, where the result of an updateEim was lost: one of ' +
        'eim.signing.key and eim.signing.otherKeys. null: eim.signing.key',
    ),
  stateChangeCauseList: z
    .array(cause)
    .max(8)
    .exactOptional()
    .describe('why its state changed, as polls told'),
  level: z
    .enum(['v1.0', 'v1.2', 'v1.3', 'learned'])
    .exactOptional()
    .describe('The version of SGP.32 that its device speaks; `learned`: as it shows'),
});
export type EuiccChange = z.infer<typeof EuiccChange>;

export type { Sureness };

export const KnownView = z.strictObject({
  since: z.iso.datetime().describe('When it was last told'),
  source: z.string().describe('For people'),
  sure: z
    .enum(sureness)
    .describe('`proven` by a signature, `reported` unsigned, `inferred`, or `set` by the operator'),
});
export type KnownView = z.infer<typeof KnownView>;

export const DoubtView = z.strictObject({
  since: z.iso.datetime().describe('When the doubt arose'),
  why: z.string().describe('For people'),
  asked: z.number().describe('How often the eIM has asked because of it'),
});
export type DoubtView = z.infer<typeof DoubtView>;

export const CertificateView = z.strictObject({
  subject: z.string().describe('Distinguished name'),
  issuer: z.string().describe('Distinguished name of who signed it'),
  serialNumber: z.string().describe('Hex'),
  notBefore: z.string().describe('When it begins, as OpenSSL writes it'),
  notAfter: z.string().describe('When it ends, as OpenSSL writes it'),
  der: z.string().describe('Hex'),
});
export type CertificateView = z.infer<typeof CertificateView>;

/** GET /v1/euiccs/:eid. Octets in hex. */
export const EuiccView = z.strictObject({
  eid: z.string().describe('EID: 32 digits'),
  counterValue: z
    .number()
    .describe(
      'counterValue of the last signed package (SGP.32 2.11.1.1); the next has a higher one',
    ),
  counterLeft: z
    .number()
    .exactOptional()
    .describe('Only where it is time to give the eUICC a new one'),
  associationToken: z.number().describe("This eIM's token on the eUICC (SGP.32 2.11.1.1)"),
  consumerEuicc: z.boolean().describe('An IPA emulates it: results are believed without proof'),
  signAlgo: z.string().describe('The curve of signPubKey: prime256v1 or brainpoolP256r1'),
  signPubKey: z
    .string()
    .exactOptional()
    .describe("Without it the eUICC's results cannot be verified yet"),
  signingKey: z
    .string()
    .exactOptional()
    .describe('The key that it knows this eIM by: a point, `04…`; absent: eim.signing.key'),
  level: z.string().describe('The version of SGP.32 that its device speaks'),
  levelFrom: z.string().describe('How the level is known: `assumed: nothing tells it`'),
  proof: proof.describe(
    "What the eUICC's results are believed for: `certificates` up to a CI root, the key that the `operator` set; `none` while its key is not known; `unproven`: they are believed without proof (consumerEuicc)",
  ),
  stateChangeCauseList: z
    .array(z.string())
    .readonly()
    .describe('Causes of changes of its state that polls told, each once'),
  profiles: z.array(ProfileView).readonly().exactOptional().describe('As it told of them last'),
  profilesAt: z.iso.datetime().exactOptional().describe('When the eUICC told them'),
  profilesPartial: z
    .literal(true)
    .exactOptional()
    .describe('They were never listed whole: there may be others'),
  eims: z
    .array(
      z.strictObject({
        eimId: z.string().describe('By which the eUICC knows it'),
        eimIdType: z.string().exactOptional().describe('As the standard names it: `eimIdTypeFqdn`'),
      }),
    )
    .readonly()
    .exactOptional()
    .describe('eIMs that it is associated with'),
  eimsAt: z.iso.datetime().exactOptional().describe('When the eUICC told of them'),
  defaultSmdpAddress: z
    .string()
    .exactOptional()
    .describe('The SM-DP+ that it holds as its default'),
  rootSmdsAddress: z.string().exactOptional().describe('The root SM-DS that it holds'),
  euiccInfo1: z
    .unknown()
    .exactOptional()
    .describe('EUICCInfo1 (SGP.22 5.7.8), named as in the standard; what cannot be read is hex'),
  euiccInfo2: z
    .unknown()
    .exactOptional()
    .describe('EUICCInfo2 (SGP.22 5.7.8), named as in the standard; what cannot be read is hex'),
  ipaCapabilities: z
    .unknown()
    .exactOptional()
    .describe('IpaCapabilities (SGP.32 2.11.1.2), named as in the standard; else hex'),
  deviceInfo: z
    .unknown()
    .exactOptional()
    .describe('DeviceInfo (SGP.22 4.2), named as in the standard; what cannot be read is hex'),
  euiccCertificate: CertificateView.exactOptional().describe('Checked up to a CI root'),
  eumCertificate: CertificateView.exactOptional().describe(
    'Of who made the eUICC, checked up to a CI root',
  ),
  known: z
    .record(z.string(), KnownView)
    .describe('How what is known is known, by the names of the members above'),
  doubts: z
    .partialRecord(z.enum(topics), DoubtView)
    .describe('What is not to be relied on until the eUICC has told anew'),
  outstanding: z
    .strictObject({
      order: z.string().describe('Id of its order'),
      counterValue: z.number().exactOptional().describe('That the package has, where it is signed'),
    })
    .exactOptional()
    .describe('A package that left and whose result has not come'),
  lastStateChange: z
    .strictObject({
      cause: z.string().describe('As the standard names it: `fallback`'),
      at: z.iso.datetime().describe('When the device told'),
    })
    .exactOptional()
    .describe('The last change of state that the device told of without being asked'),
  added: z.iso.datetime().describe('When it became known'),
  firstContact: z.iso.datetime().exactOptional().describe('When its device first polled'),
  lastContact: z.iso.datetime().exactOptional().describe('When its device last polled'),
  lastPeer: z.string().exactOptional().describe('Who polled last, for people'),
  pollInterval: z
    .number()
    .exactOptional()
    .describe('Seconds from one call of the device to the next, as a rule; learned from its polls'),
  nextContact: z.iso
    .datetime()
    .exactOptional()
    .describe('When it is expected to call again, by that'),
});
export type EuiccView = z.infer<typeof EuiccView>;

export const EuiccList = z.strictObject({
  euiccs: z.array(EuiccView).readonly().describe('In the order of their EIDs'),
  next: z.string().exactOptional().describe('As in OrderList'),
});
export type EuiccList = z.infer<typeof EuiccList>;
