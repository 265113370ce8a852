/** The operator's side. */
import { z } from 'zod';
import {
  count,
  duration,
  flag,
  optional,
  optionalPath,
  port,
  secretSetting,
  setting,
  text,
} from './setting.ts';

export const rest = {
  host: setting(
    text,
    '127.0.0.1',
    "Address of the operator's side (HTTP). On another address than a loopback one TLS and a token are required.",
  ),
  port: setting(port, 8080, 'TCP port; 0 picks a free one.'),
  certificate: optionalPath(
    'PEM file of its TLS certificate, leaf first. Not set: plain HTTP, loopback only.',
  ),
  key: optionalPath('PEM file of the private key of rest.certificate.'),
  behindProxy: setting(
    flag,
    false,
    'true: a proxy that has TLS stands before it, sets X-Forwarded-For, and alone can reach it: then it speaks plain HTTP',
    'on any address, and asks for a token on a loopback address too.',
  ),
  token: secretSetting(
    optional(z.string().min(16)),
    'Bearer token of role admin, of 16 characters or more; others are made with eim token add. Not set: on loopback no',
    'token is needed, elsewhere one that was made.',
  ),
  requestRate: setting(
    z.number().positive(),
    1000,
    'Requests that one token, or one address without a token, may make in a second, in the long run; one more gets 429.',
  ),
  requestBurst: setting(count, 5000, 'Requests that it may make at once, after a rest.'),
  bodyLimit: setting(z.int().min(1024), 1_048_576, 'Largest request body, in octets.'),
  waitLimit: setting(duration, '60s', 'Longest wait of one GET /v1/orders/:id?wait=…'),
  waiters: setting(
    count,
    1000,
    'Most requests that wait at a time, and most streams of events; one more is answered 503.',
  ),
  waitersPerToken: setting(
    optional(count),
    undefined,
    'So many of them may be of one token; one more is answered 429. Not set: a quarter of rest.waiters. Where no token is',
    'needed, rest.waiters alone holds.',
  ),
  keysKept: setting(duration, '24h', 'How long an Idempotency-Key is known.'),
} as const;
