/** What the DTLS server shows, whom it takes, and what outlives a connection, as configured. */
import { appendFileSync } from 'node:fs';
import { hex, toHex } from './base/bytes.ts';
import type { Log } from './base/log.ts';
import { type Config, ConfigError } from './config.ts';
import { AlertDescription, HandshakeError } from './dtls/alert.ts';
import type { DtlsCredentials, ShownCertificate } from './dtls/credentials.ts';
import type { DtlsServerOptions } from './dtls/server.ts';
import type { ChainName, Devices } from './fleet/devices.ts';
import { type Refusal, refused } from './fleet/offers.ts';
import type { LiveIdentity } from './live-identity.ts';
import { pemFiles } from './pem-files.ts';
import { DeviceAnchors, DeviceChainError, type NameRule } from './trust/device-chain.ts';

/** What the DTLS server shows and whom it takes. */
export function dtlsCredentials(
  { dtls }: Config,
  identity: Pick<LiveIdentity, 'certificates'>,
  devices: Devices,
  log: Log,
): DtlsCredentials {
  // Without anonymous peers, a certificate is shown only to devices that show one themselves.
  const asked = dtls.clientAuthentication !== 'none';
  const mode = asked && !dtls.allowAnonymous ? 'required' : dtls.clientAuthentication;
  const shown = asked || dtls.allowAnonymous;
  return {
    psk: (pskIdentity) => devices.pskOf(pskIdentity),
    pskUsed(name, key) {
      if (!devices.hasPsk(name, key)) {
        throw new HandshakeError(AlertDescription.decryptError, 'the PSK is good no more');
      }
      devices.pskUsed(name, key).catch((error: unknown) => {
        log.error('the old PSK of a device is not dropped yet', {
          device: name,
          why: String(error),
        });
      });
    },
    get certificates() {
      return shown ? identity.certificates : [];
    },
    ...(dtls.pskHint === undefined ? {} : { pskHint: dtls.pskHint }),
    clientAuthentication: { mode, check: (offer) => nameOfClient(devices, offer) },
  };
}

/** Connection IDs and sessions to resume: what a DTLS connection has beyond its address. */
export function lastingOptions({
  dtls,
}: Config): Pick<DtlsServerOptions, 'connectionIds' | 'resumption'> {
  const connectionIds = {
    length: dtls.cidLength,
    prefix: hex(dtls.cidPrefix),
    drafts: dtls.draftConnectionIds,
  };
  const resumption = {
    lifetime: dtls.resumeFor,
    ceiling: dtls.sessions,
    tickets: dtls.tickets,
    skipCookie: dtls.cookielessResumption,
  };
  return {
    ...(dtls.cidLength > 0 ? { connectionIds } : {}),
    ...(dtls.resumeFor > 0 ? { resumption } : {}),
  };
}

/** Writes secrets in the form of the NSS key log, which Wireshark reads. */
export function keyLogTo(
  path: string,
  log: Log,
): (clientRandom: Uint8Array, master: Uint8Array) => void {
  log.warn('dtls.keyLog is set: the secrets of ALL connections are written to a file', { path });
  const write = (line: string) => appendFileSync(path, `${line}\n`, { mode: 0o600 });
  try {
    write('# coap-eim: whoever reads this reads all that devices send and get');
  } catch (cause) {
    throw new ConfigError(`dtls.keyLog: ${causeText(cause)}`, { cause });
  }
  return (clientRandom, master) => {
    try {
      write(`CLIENT_RANDOM ${toHex(clientRandom).toLowerCase()} ${toHex(master).toLowerCase()}`);
      log.warn('the secret of a connection was written to the key log', { path });
    } catch (error) {
      // A full disk, say: no reason to refuse the device.
      log.error('the key log cannot be written', { path, why: causeText(error) });
    }
  };
}

function causeText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The name of the device whose certificate or key this is. Throws HandshakeError. */
function nameOfClient(devices: Devices, offer: ShownCertificate): string {
  const verdict = devices.checkClient(offer);
  if ('identity' in verdict) return verdict.identity.name;
  throw new HandshakeError(AlertDescription[alerts[verdict.refused]], verdict.why);
}

const alerts = {
  malformed: 'badCertificate',
  expired: 'certificateExpired',
  revoked: 'certificateRevoked',
  unknownCa: 'unknownCa',
  unknown: 'certificateUnknown',
} as const satisfies { readonly [R in Refusal]: keyof typeof AlertDescription };

/** How a certificate below a configured anchor names its device; undefined where there are no anchors. */
export function deviceNames({
  dtls,
}: Config): ((chain: readonly Uint8Array[], now: number) => ChainName) | undefined {
  if (dtls.clientAnchors.length === 0) return undefined;
  const anchors = DeviceAnchors.of(pemFiles('dtls.clientAnchors', dtls.clientAnchors));
  const { clientName: place, clientNamePattern: pattern } = dtls;
  const rule: NameRule = { place, ...(pattern === undefined ? {} : { pattern }) };
  return (chain, now) => {
    try {
      return { name: anchors.nameOf(chain, rule, now) };
    } catch (error) {
      if (!(error instanceof DeviceChainError)) throw error;
      const { code, message } = error;
      const plain = code === 'invalid' ? 'malformed' : code === 'name' ? 'unknown' : code;
      return refused(plain, message);
    }
  };
}
