/**
 * Every setting of the eIM: its default, its unit, the section of the standard it belongs to, and why one would
 * change it. The configuration file's comments, the names of environment variables and the checks come from here;
 * config.ts reads them.
 */
import { z } from 'zod';
import { coap } from './settings/coap.ts';
import { dtls } from './settings/dtls.ts';
import { eim } from './settings/eim.ts';
import { es9 } from './settings/es9.ts';
import { esipa } from './settings/esipa.ts';
import { euicc } from './settings/euicc.ts';
import { https } from './settings/https.ts';
import { orders } from './settings/orders.ts';
import { push } from './settings/push.ts';
import { rest } from './settings/rest.ts';
import { secret } from './settings/secret.ts';
import { duration, flag, path, port, setting, text } from './settings/setting.ts';
import { smds } from './settings/smds.ts';

export const settings = {
  dataFolder: path(
    './data',
    'Folder of the store, and of the keys and certificates made on first start. One process at a time.',
  ),
  secret,
  coaps: {
    host: setting(
      text,
      '0.0.0.0',
      "Address of the devices' side (CoAP over DTLS, SGP.32 6.1); '::' for IPv6 too.",
    ),
    port: setting(port, 5684, 'UDP port (RFC 7252 12.7: coaps is 5684); 0 picks a free one.'),
  },
  https,
  rest,
  eim,
  es9,
  euicc,
  esipa,
  orders,
  coap,
  dtls,
  messages: {
    strict: setting(
      flag,
      false,
      'true: what devices send other than the standard has it is refused, also where it is known and safe to read (eim',
      'euicc quirks --known): for certification.',
    ),
  },
  smds,
  push,
  stop: {
    within: setting(
      duration,
      '10s',
      'How long a stop waits for what is under way: a block that is answered, a request to an SM-DP+. Below the patience of',
      'the supervisor (systemd: TimeoutStopSec). A second signal ends at once.',
    ),
  },
  log: {
    level: setting(
      z.enum(['debug', 'info', 'warn', 'error', 'silent']),
      'info',
      'debug, info, warn, error or silent; debug shows each dropped datagram.',
    ),
    mask: setting(
      flag,
      false,
      'true: EIDs and ICCIDs lose their middle in the log, for logs that leave the house. Activation codes, confirmation',
      'codes, keys and tokens never stand there.',
    ),
  },
} as const;
