/** eIM configuration operations and their results (SGP.32 2.11.1.1, 2.11.2). */

import { Certificate, SubjectKeyIdentifier, SubjectPublicKeyInfo } from './basic.ts';
import { publicKeyDataBare } from './field-shapes.ts';
import { bitString, integer, nothing, utf8String } from './primitives.ts';
import {
  choice,
  context,
  define,
  type Infer,
  openChoice,
  optional,
  sequence,
  sequenceOf,
} from './schema.ts';
import { tolerating } from './tolerating.ts';

export const EimIdType = {
  eimIdTypeOid: 1,
  eimIdTypeFqdn: 2,
  eimIdTypeProprietary: 3,
} as const;

export const EimSupportedProtocol = define(
  'EimSupportedProtocol',
  bitString([
    'eimRetrieveHttps',
    'eimRetrieveCoaps',
    'eimInjectHttps',
    'eimInjectCoaps',
    'eimProprietary',
  ]),
);

/** An associationToken of -1 asks the eUICC to make one. */
export const generateAssociationToken = -1;

/**
 * SGP.32 2.11.1: eimId [0], eimFqdn [1], eimIdType [2], counterValue [3], associationToken [4], eimPublicKeyData [5],
 * trustedPublicKeyDataTls [6], eimSupportedProtocol [7], euiccCiPKId [8], indirectProfileDownload [9].
 */
export const EimConfigurationData = define(
  'EimConfigurationData',
  sequence({
    eimId: context(0, utf8String(1, 128)),
    eimFqdn: optional(context(1, utf8String())),
    eimIdType: optional(context(2, integer(EimIdType))),
    counterValue: optional(context(3, integer())),
    associationToken: optional(context(4, integer())),
    eimPublicKeyData: optional(
      tolerating(
        context(5, choice({ eimPublicKey: SubjectPublicKeyInfo, eimCertificate: Certificate })),
        publicKeyDataBare,
      ),
    ),
    trustedPublicKeyDataTls: optional(
      tolerating(
        context(
          6,
          choice({ trustedEimPkTls: SubjectPublicKeyInfo, trustedCertificateTls: Certificate }),
        ),
        publicKeyDataBare,
      ),
    ),
    eimSupportedProtocol: optional(context(7, EimSupportedProtocol)),
    euiccCiPKId: optional(context(8, SubjectKeyIdentifier)),
    indirectProfileDownload: optional(context(9, nothing())),
  }),
);
export type EimConfigurationData = Infer<typeof EimConfigurationData>;

/** addEim [8], deleteEim [9], updateEim [10], listEim [11]. */
export const Eco = define(
  'Eco',
  openChoice({
    addEim: context(8, EimConfigurationData),
    deleteEim: context(9, sequence({ eimId: context(0, utf8String()) })),
    updateEim: context(10, EimConfigurationData),
    listEim: context(11, sequence({})),
  }),
);
export type Eco = Infer<typeof Eco>;

export const AddEimResultCode = {
  ok: 0,
  insufficientMemory: 1,
  associatedEimAlreadyExists: 2,
  ciPKUnknown: 3,
  invalidAssociationToken: 5,
  counterValueOutOfRange: 6,
  commandError: 7,
  undefinedError: 127,
} as const;

/** The token that the new association has ([4]), or a code. */
export const AddEimResult = define(
  'AddEimResult',
  choice({
    associationToken: context(4, integer()),
    addEimResultCode: integer(AddEimResultCode),
  }),
);

/** lastEimDeleted is a success: the eUICC has no eIM any more. */
export const DeleteEimResult = {
  ok: 0,
  eimNotFound: 1,
  lastEimDeleted: 2,
  commandError: 7,
  undefinedError: 127,
} as const;

export const UpdateEimResult = {
  ok: 0,
  eimNotFound: 1,
  ciPKUnknown: 3,
  counterValueOutOfRange: 6,
  commandError: 7,
  undefinedError: 127,
} as const;

/** eimId [0], eimIdType [2] for OIDs and FQDNs. */
export const EimIdInfo = define(
  'EimIdInfo',
  sequence({
    eimId: context(0, utf8String(1, 128)),
    eimIdType: optional(context(2, integer(EimIdType))),
  }),
);

export const ListEimError = { undefinedError: 127 } as const;

export const ListEimResult = define(
  'ListEimResult',
  choice({ eimIdList: sequenceOf(EimIdInfo), listEimError: integer(ListEimError) }),
);
