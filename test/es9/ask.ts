/** Asks an HTTPS server once, by a route, and prints the status or the kind of failure: `ask.ts localhost:8443 '{}'`. */
import { utf8 } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { Es9TransportError } from '../../src/es9/errors.ts';
import { Https } from '../../src/es9/https.ts';
import { parseSmdpAddress } from '../../src/messages/smdp-address.ts';

const [address = '', route = '{}'] = process.argv.slice(2);
const hosts = { localhost: JSON.parse(route) as object };
const https = new Https({ roots: [], hosts, clock: systemClock, log: silentLog() });
try {
  const request = { path: '/', headers: {}, body: utf8('') };
  const { status } = await https.post(parseSmdpAddress(address), request);
  process.stdout.write(`${status}\n`);
} catch (error) {
  if (!(error instanceof Es9TransportError)) throw error;
  process.stdout.write(`${error.kind}: ${error.message}\n`);
}
https.close();
