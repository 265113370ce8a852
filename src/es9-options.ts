/** Whom to believe of SM-DP+s and SM-DSs, and where they are, as configured. */
import type { Config } from './config.ts';
import type { HttpsOptions } from './es9/https.ts';
import { crlFiles, pemFiles } from './pem-files.ts';

/** Reads the files that es9.roots, es9.crls and es9.hosts name. Throws ConfigError. */
export function es9Options({ es9 }: Config): Omit<HttpsOptions, 'clock' | 'log'> {
  return {
    roots: pemFiles('es9.roots', es9.roots),
    crls: crlFiles('es9.crls', es9.crls),
    insecure: es9.insecure,
    hosts: Object.fromEntries(
      Object.entries(es9.hosts).map(([name, { address, port, ca, crls, publicRoots, pins }]) => [
        name.toLowerCase(),
        {
          ...(address === undefined ? {} : { address }),
          ...(port === undefined ? {} : { port }),
          ...(ca === undefined ? {} : { ca: pemFiles(`es9.hosts.${name}.ca`, [ca]) }),
          ...(crls === undefined ? {} : { crls: crlFiles(`es9.hosts.${name}.crls`, crls) }),
          ...(publicRoots === undefined ? {} : { publicRoots }),
          ...(pins === undefined ? {} : { pins }),
        },
      ]),
    ),
    connectTimeout: es9.connectTimeout,
    answerTimeout: es9.answerTimeout,
    bodyLimit: es9.bodyLimit,
  };
}
