/** Who this eIM is. */
import { z } from 'zod';
import { optional, optionalPath, paths, setting } from './setting.ts';

export const eim = {
  id: setting(
    z.string().min(1).max(128),
    'eIM',
    'eimId (SGP.32 2.11.1.1.1): what eUICCs know this eIM by. Never change it while devices are associated.',
  ),
  idType: setting(
    z.enum(['oid', 'fqdn', 'proprietary']),
    'proprietary',
    'eimIdType: oid, fqdn or proprietary.',
  ),
  fqdn: setting(
    optional(z.string().min(1).max(255)),
    undefined,
    'eimFqdn: where devices find this eIM, host or host:port. Not set: the name of this machine.',
  ),
  signing: {
    key: optionalPath(
      'PEM file of the private key that signs eUICC Packages (P-256). Not set: made in the data folder on first start.',
    ),
    certificate: optionalPath(
      'PEM file of the eIM signing certificate. Not set: eUICCs are given the bare public key.',
    ),
    otherKeys: paths(
      'PEM files of further private keys (P-256): those that single eUICCs were given by updateEim, when a counter was',
      'used up or the key was to be changed. Packages for each eUICC are signed with the key that it was given.',
    ),
  },
  tls: {
    key: optionalPath(
      'PEM file of the private key of the DTLS server (P-256 or brainpoolP256r1). Not set: made on first start.',
    ),
    certificate: optionalPath(
      'PEM file of the DTLS server certificate, leaf first. Not set: self-signed, made on first start.',
    ),
    trust: setting(
      z.enum(['certificate', 'key']),
      'certificate',
      'What eUICCs are told to trust (trustedPublicKeyDataTls, SGP.32 2.11.1.1.1): the certificate, or its bare key,',
      'which outlives a renewal, and is all that a device with raw public keys needs. `eim info --tls-trust` gives either.',
    ),
  },
} as const;
