/** All that passes between IPA and eIM (SGP.32 6.3): one CHOICE each way, without a wrapper of its own. */

import {
  GetEimPackageRequest,
  GetEimPackageResponse,
  ProvideEimPackageResult,
  ProvideEimPackageResultResponse,
  TransferEimPackageRequest,
  TransferEimPackageResponse,
} from './eim-package.ts';
import { handledPackageResultAsV10, notificationBare } from './field-shapes.ts';
import { PendingNotification } from './notifications.ts';
import {
  AuthenticateClientRequestEsipa,
  AuthenticateClientResponseEsipa,
  CancelSessionRequestEsipa,
  CancelSessionResponseEsipa,
  GetBoundProfilePackageRequestEsipa,
  GetBoundProfilePackageResponseEsipa,
  InitiateAuthenticationRequestEsipa,
  InitiateAuthenticationResponseEsipa,
} from './profile-download.ts';
import { choice, context, define, type Infer } from './schema.ts';
import { tolerating } from './tolerating.ts';

/** SGP.32 6.3.2.4, tag BF3D: a notification under A0, or a whole ProvideEimPackageResult. It has no answer. */
export const HandleNotificationEsipa = define(
  'HandleNotificationEsipa',
  tolerating(
    context(
      61,
      choice({
        pendingNotification: context(0, PendingNotification),
        provideEimPackageResult: context(80, ProvideEimPackageResult),
      }),
    ),
    notificationBare,
    handledPackageResultAsV10,
  ),
);
export type HandleNotificationEsipa = Infer<typeof HandleNotificationEsipa>;

export const EsipaMessageFromIpaToEim = define(
  'EsipaMessageFromIpaToEim',
  choice({
    initiateAuthenticationRequestEsipa: context(57, InitiateAuthenticationRequestEsipa),
    authenticateClientRequestEsipa: context(59, AuthenticateClientRequestEsipa),
    getBoundProfilePackageRequestEsipa: context(58, GetBoundProfilePackageRequestEsipa),
    cancelSessionRequestEsipa: context(65, CancelSessionRequestEsipa),
    handleNotificationEsipa: context(61, HandleNotificationEsipa),
    transferEimPackageResponse: context(78, TransferEimPackageResponse),
    getEimPackageRequest: context(79, GetEimPackageRequest),
    provideEimPackageResult: context(80, ProvideEimPackageResult),
  }),
);
export type EsipaMessageFromIpaToEim = Infer<typeof EsipaMessageFromIpaToEim>;

export const EsipaMessageFromEimToIpa = define(
  'EsipaMessageFromEimToIpa',
  choice({
    initiateAuthenticationResponseEsipa: context(57, InitiateAuthenticationResponseEsipa),
    authenticateClientResponseEsipa: context(59, AuthenticateClientResponseEsipa),
    getBoundProfilePackageResponseEsipa: context(58, GetBoundProfilePackageResponseEsipa),
    cancelSessionResponseEsipa: context(65, CancelSessionResponseEsipa),
    transferEimPackageRequest: context(78, TransferEimPackageRequest),
    getEimPackageResponse: context(79, GetEimPackageResponse),
    provideEimPackageResultResponse: context(80, ProvideEimPackageResultResponse),
  }),
);
export type EsipaMessageFromEimToIpa = Infer<typeof EsipaMessageFromEimToIpa>;
