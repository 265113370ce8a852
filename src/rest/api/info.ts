/** The eIM itself: what /v1 takes and what it answers. */
import { z } from 'zod';
import { hexText } from '../checks.ts';
import { queryNumber } from './query.ts';

/** GET /v1/info: what eUICCs are told to trust, and what else (SGP.32 2.11.1.1.1); otherwise as configured. */
export const InfoQuery = z.strictObject({
  tlsTrust: z.enum(['certificate', 'key']).exactOptional(),
  counterValue: queryNumber(0, 2 ** 23 - 1).exactOptional(),
  associationToken: z.enum(['none', 'generate']).exactOptional(),
  euiccCiPKId: hexText(20, 20).exactOptional(),
});

/** GET /v1/info. Octets in hex, certificates in PEM. */
export interface InfoView {
  readonly version: string;
  readonly hostname: string;
  readonly started: string;
  readonly eimId: string;
  readonly eimFqdn?: string;
  readonly coaps: { readonly host: string; readonly port: number };
  /** EimConfigurationData (SGP.32 2.11.1.1.1), `30…`. */
  readonly eimConfigurationData: string;
  /** AddInitialEimRequest (SGP.32 5.9.4), `BF57…`. */
  readonly addInitialEimRequest: string;
  /** Public key or certificate that eUICC Packages are verified with. */
  readonly eimCertificate: string;
  readonly tlsCertificate: string;
  /** What was dropped since the start, by reason. */
  readonly drops: Readonly<Record<string, number>>;
  /** What is switched off that keeps others out, for people. */
  readonly warnings: readonly string[];
}
