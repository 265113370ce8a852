/** Who this eIM is, now: the certificates of its DTLS server may be read again while it runs. */
import { equal } from './base/bytes.ts';
import { type Config, ConfigError } from './config.ts';
import {
  type Identity,
  type IdentityOptions,
  loadIdentity,
  type ServerIdentity,
} from './identity.ts';
import type { ReloadPart } from './reload.ts';

export interface LiveIdentity extends ReloadPart {
  readonly now: Identity;
  /** Its certificates, the own one first; another list only where they are others. */
  readonly certificates: readonly ServerIdentity[];
  /** Has the listener called whenever they are others. */
  onChange(listener: (certificates: readonly ServerIdentity[]) => void): void;
}

/** Throws ConfigError. */
export function liveIdentity(options: IdentityOptions): LiveIdentity {
  let identity = loadIdentity(options);
  let certificates = [identity.tls, ...identity.otherTls];
  const listeners: ((certificates: readonly ServerIdentity[]) => void)[] = [];
  return {
    get now() {
      return identity;
    },
    get certificates() {
      return certificates;
    },
    onChange: (listener) => {
      listeners.push(listener);
    },
    name: 'certificates of the DTLS server',
    keys: ['eim.tls', 'dtls.certificates'],
    prepare({ eim, dtls }: Config) {
      const { config } = options;
      const next = loadIdentity({
        ...options,
        config: {
          ...config,
          eim: { ...config.eim, tls: eim.tls },
          dtls: { ...config.dtls, certificates: dtls.certificates },
        },
      });
      // eUICCs obey the one key that they were given.
      if (!equal(next.signer.publicKeyInfo, identity.signer.publicKeyInfo)) {
        throw new ConfigError(
          'eim.signing.key: its file holds another key now, which takes a restart',
        );
      }
      return () => {
        identity = next;
        certificates = [next.tls, ...next.otherTls];
        for (const listener of listeners) listener(certificates);
      };
    },
  };
}
