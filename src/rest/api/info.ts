/** The eIM itself: what /v1 takes and what it answers. */
import { z } from 'zod';
import { hexText } from '../checks.ts';
import { queryNumber } from './query.ts';

/** GET /v1/info: what eUICCs are told to trust, and what else (SGP.32 2.11.1.1.1); otherwise as configured. */
export const InfoQuery = z.strictObject({
  tlsTrust: z
    .enum(['certificate', 'key'])
    .exactOptional()
    .describe('what eUICCs are to trust of the TLS server'),
  counterValue: queryNumber(0, 2 ** 23 - 1)
    .exactOptional()
    .describe('the first counterValue'),
  associationToken: z
    .enum(['none', 'generate'])
    .exactOptional()
    .describe('whether the eUICC is to make one'),
  euiccCiPKId: hexText(20, 20)
    .exactOptional()
    .describe('key identifier of the CI that results are to lead to, hex'),
});

/** GET /v1/info. Octets in hex, certificates in PEM. */
export const InfoView = z.strictObject({
  version: z.string().describe('Of this eIM'),
  hostname: z.string().describe('Name of its machine'),
  started: z.iso.datetime().describe('Since when it runs'),
  eimId: z.string().describe('What eUICCs know it by'),
  eimFqdn: z.string().exactOptional().describe('Where devices find it: host, or host:port'),
  coaps: z
    .strictObject({
      host: z.string().describe('Address that is listened on'),
      port: z.number().describe('UDP port'),
    })
    .describe('Where devices are listened for over CoAP and DTLS'),
  https: z
    .strictObject({
      host: z.string().describe('Address that is listened on'),
      port: z.number().describe('TCP port'),
      tls: z.boolean().describe('false: it is plain HTTP, for a proxy that has TLS'),
    })
    .exactOptional()
    .describe('The same over HTTPS, where that is enabled'),
  eimConfigurationData: z.string().describe('EimConfigurationData (SGP.32 2.11.1.1.1), `30…`'),
  addInitialEimRequest: z.string().describe('AddInitialEimRequest (SGP.32 5.9.4), `BF57…`'),
  eimCertificate: z
    .string()
    .describe('Public key or certificate that eUICC Packages are verified with'),
  tlsCertificate: z.string().describe('Of the DTLS server, PEM, leaf first'),
  drops: z.record(z.string(), z.number()).describe('What was dropped since the start, by reason'),
  warnings: z
    .array(z.string())
    .readonly()
    .describe('What is switched off that keeps others out, for people'),
});
export type InfoView = z.infer<typeof InfoView>;
