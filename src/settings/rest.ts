/** The operator's side. */
import { z } from 'zod';
import { count, duration, optional, port, secretSetting, setting, text } from './setting.ts';

export const rest = {
  host: setting(
    text,
    '127.0.0.1',
    "Address of the operator's side (HTTP). On another address than a loopback one a token is required.",
  ),
  port: setting(port, 8080, 'TCP port; 0 picks a free one.'),
  token: secretSetting(
    optional(z.string().min(16)),
    'Bearer token that requests must carry, of 16 characters or more. Not set: no token, loopback only.',
  ),
  bodyLimit: setting(z.int().min(1024), 1_048_576, 'Largest request body, in octets.'),
  waitLimit: setting(duration, '60s', 'Longest wait of one GET /v1/orders/:id?wait=…'),
  waiters: setting(count, 1000, 'Most requests that wait at a time; one more is answered 503.'),
} as const;
