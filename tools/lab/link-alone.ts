/** The link by itself, between any client and any server. */
import { type Address, addressText } from '../../src/base/address.ts';
import { systemClock } from '../../src/base/clock.ts';
import { LabError } from './eim-process.ts';
import { type Capture, startCapture } from './link/pcap.ts';
import { type LinkProfileName, linkProfiles } from './link/profiles.ts';
import { type Relay, startRelay } from './link/relay.ts';
import { seededNumbers } from './link/seeded.ts';
import { stopSignal } from './stop-signal.ts';

export interface LinkAloneOptions {
  readonly server: Address;
  readonly profile: LinkProfileName;
  readonly host: string;
  readonly port: number;
  readonly seed: number;
  readonly pcap?: string;
}

/** Relays until a signal, then says what passed. */
export async function runLink(options: LinkAloneOptions): Promise<void> {
  const capture = options.pcap === undefined ? undefined : startCapture(options.pcap);
  const relay = await openRelay(options, capture);
  console.log(
    `link ${options.profile} to ${addressText(options.server)}: ${addressText(relay.address)}`,
  );
  await stopSignal();
  await relay.close();
  await capture?.close();
  console.log(JSON.stringify(relay.counts));
}

async function openRelay(options: LinkAloneOptions, capture: Capture | undefined): Promise<Relay> {
  const { server, profile, host, port, seed } = options;
  try {
    return await startRelay({
      server,
      profile: linkProfiles[profile],
      clock: systemClock,
      chance: seededNumbers(seed),
      host,
      port,
      ...(capture === undefined ? {} : { capture }),
    });
  } catch (cause) {
    const code: unknown = Reflect.get(Object(cause), 'code');
    throw new LabError(
      `cannot listen on ${host}, UDP port ${port} (${code}): choose others with --host and --port`,
      { cause },
    );
  }
}
