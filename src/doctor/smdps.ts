/** Whether SM-DP+s can be reached, and whether their clocks agree with ours. */
import type { Clock } from '../base/clock.ts';
import { Es9TransportError } from '../es9/errors.ts';
import type { Https } from '../es9/https.ts';
import { parseSmdpAddress, SmdpAddressError } from '../messages/smdp-address.ts';
import { error, type Finding, ok, warning } from './finding.ts';

/** Milliseconds that two clocks may differ by: Date is to the second, and an answer takes its time. */
const mostApart = 60_000;

/** Asks one host for its root: whatever it answers, it is there and is believed. */
export async function reaches(
  https: Pick<Https, 'get'>,
  name: string,
  clock: Clock,
): Promise<readonly Finding[]> {
  const check = `SM-DP+ ${name}`;
  const began = clock.now();
  try {
    const { status, date } = await https.get(parseSmdpAddress(name), { path: '/', headers: {} });
    const took = clock.now() - began;
    const found = `answers (status ${status}) in ${took} ms`;
    return [
      took < 5000
        ? ok(check, found)
        : warning(check, found, 'look at the way there: devices wait for it'),
      ...(date === undefined ? [] : [clockOf(name, began + took / 2 - date)]),
    ];
  } catch (cause) {
    if (cause instanceof SmdpAddressError) {
      return [error(check, cause.message, 'write host or host:port')];
    }
    if (!(cause instanceof Es9TransportError)) throw cause;
    return [error(check, cause.message, advice[cause.kind])];
  }
}

/** @param ahead milliseconds that our clock is before theirs */
function clockOf(name: string, ahead: number): Finding {
  const check = `clock against ${name}`;
  if (Math.abs(ahead) <= mostApart) return ok(check, 'agrees within a minute');
  const found = `ours is ${Math.round(Math.abs(ahead) / 1000)} s ${ahead > 0 ? 'ahead' : 'behind'}`;
  return warning(check, found, 'set the clock by NTP, or ask whoever runs the SM-DP+ to');
}

const advice: Readonly<Record<Es9TransportError['kind'], string>> = {
  unreachable: 'look at DNS, firewall and es9.hosts (address, port)',
  timeout: 'look at the firewall and at es9.connectTimeout',
  tls: 'look at es9.roots and es9.crls, or at the ca and pins of es9.hosts; and at the clock',
  status: 'ask whoever runs the SM-DP+',
  malformed: 'something other than an SM-DP+ listens there: look at the port',
  'too large': 'something other than an SM-DP+ listens there: look at the port',
};
