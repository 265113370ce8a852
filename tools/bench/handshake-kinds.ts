/** The kinds of handshake that are measured, and what both sides show in them. */
import { utf8 } from '../../src/base/bytes.ts';
import type { CipherSuiteName } from '../../src/dtls/cipher-suites.ts';
import type { ClientCredential } from '../../src/dtls/credentials.ts';
import { type LabCredential, loadLabPki } from '../lab/pki/lab-pki.ts';

export const psk = { identity: 'bench', key: utf8('0123456789abcdef') } as const;

/** What every server under test shows: the lab's certificate, on P-256, without a chain. */
export function serverCredential(): LabCredential {
  return loadLabPki().eimTls;
}

export type HandshakeKind = 'psk' | 'ecdsa' | 'pskResumed' | 'ecdsaResumed';

interface Kind {
  readonly title: string;
  readonly suite: CipherSuiteName;
  readonly credential: ClientCredential;
  /** Abbreviated, by session ID. */
  readonly resumed: boolean;
}

const withPsk = {
  suite: 'TLS_PSK_WITH_AES_128_CCM_8',
  credential: { type: 'psk', ...psk },
} as const;
const withCertificate = {
  suite: 'TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8',
  // The server is measured: whether it is the right one is not asked.
  credential: { type: 'certificate', trust: () => {} },
} as const;

export const handshakeKinds: Readonly<Record<HandshakeKind, Kind>> = {
  psk: { title: 'PSK', ...withPsk, resumed: false },
  ecdsa: { title: 'ECDHE-ECDSA P-256', ...withCertificate, resumed: false },
  pskResumed: { title: 'PSK, resumed', ...withPsk, resumed: true },
  ecdsaResumed: { title: 'ECDHE-ECDSA P-256, resumed', ...withCertificate, resumed: true },
};

export const kindNames = Object.keys(handshakeKinds) as HandshakeKind[];
