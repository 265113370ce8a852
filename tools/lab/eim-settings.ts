/** The eIM of the lab as its operator would configure it. */
import { join, resolve } from 'node:path';
import { parseDuration } from '../../src/base/duration.ts';
import { settings } from '../../src/settings.ts';
import type { EimProcessOptions } from './eim-process.ts';
import type { Link } from './ipa/device.ts';
import { labFolder } from './pki/lab-pki.ts';

export interface SettingsOptions {
  /** 0: a free one. */
  readonly ports: { readonly coaps: number; readonly rest: number };
  readonly link?: Link | undefined;
  /** How many times as fast as the link's own time its CoAP is. Default 1. */
  readonly speed?: number | undefined;
  /** Devices may come over HTTPS, too. Default false. */
  readonly https?: boolean | undefined;
  /** Folder of its keys and roots, as saveLabPki writes it. Default certs/lab. */
  readonly pki?: string | undefined;
  /** File for the secrets of the device's connections, for Wireshark. Default: none is written. */
  readonly keyLog?: string | undefined;
}

/** The eIM's configuration, with the lab's keys and roots. */
export function labSettings(
  folder: string,
  { ports, link, speed = 1, https = false, pki = labFolder, keyLog }: SettingsOptions,
): EimProcessOptions['settings'] {
  const lab = (name: string) => join(pki, name);
  return {
    dataFolder: join(folder, 'data'),
    'coaps.host': '127.0.0.1',
    'coaps.port': ports.coaps,
    'rest.port': ports.rest,
    ...(https ? { 'https.enabled': 'true', 'https.host': '127.0.0.1', 'https.port': 0 } : {}),
    'eim.id': 'eim.example.com',
    'eim.idType': 'fqdn',
    'eim.signing.key': lab('eim-sign.key.pem'),
    'eim.signing.certificate': lab('eim-sign.cert.pem'),
    'eim.tls.key': lab('eim-tls.key.pem'),
    'eim.tls.certificate': lab('eim-tls.cert.pem'),
    // Over loopback an answer that is not there soon is lost.
    ...(link !== undefined && link.profile.roundTrip < 1000 ? { 'coap.ackTimeout': '500ms' } : {}),
    ...(speed === 1 ? {} : hurriedCoap(speed)),
    ...(keyLog === undefined ? {} : { 'dtls.keyLog': resolve(keyLog) }),
    'es9.roots': [lab('ci.cert.pem')],
    'euicc.roots': [lab('ci.cert.pem')],
  };
}

/** Times of the eIM's CoAP that a link's round trips decide on, divided by the speed. */
function hurriedCoap(speed: number): Readonly<Record<string, string>> {
  const names = [
    'ackTimeout',
    'ackTimeoutLeast',
    'ackTimeoutMost',
    'emptyAckDelay',
    'exchangeLifetime',
  ] as const;
  const hurriedText = (text: unknown) => `${Math.round(parseDuration(String(text)) / speed)}ms`;
  return Object.fromEntries(
    names.map((name) => [`coap.${name}`, hurriedText(settings.coap[name].fallback)]),
  );
}
