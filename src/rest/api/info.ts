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
export const InfoView = z.strictObject({
  version: z.string(),
  hostname: z.string(),
  started: z.iso.datetime(),
  eimId: z.string(),
  eimFqdn: z.string().exactOptional(),
  coaps: z.strictObject({
    host: z.string(),
    port: z.number(),
  }),
  /** The same over HTTPS, where that is enabled. */
  https: z.strictObject({ host: z.string(), port: z.number(), tls: z.boolean() }).exactOptional(),
  /** EimConfigurationData (SGP.32 2.11.1.1.1), `30…`. */
  eimConfigurationData: z.string(),
  /** AddInitialEimRequest (SGP.32 5.9.4), `BF57…`. */
  addInitialEimRequest: z.string(),
  /** Public key or certificate that eUICC Packages are verified with. */
  eimCertificate: z.string(),
  tlsCertificate: z.string(),
  /** What was dropped since the start, by reason. */
  drops: z.record(z.string(), z.number()),
  /** What is switched off that keeps others out, for people. */
  warnings: z.array(z.string()).readonly(),
});
export type InfoView = z.infer<typeof InfoView>;
