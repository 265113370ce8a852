/** What a handshake cannot do without on Node, by itself: curves, hashes, records. */
import { createCipheriv, createDecipheriv, createECDH, hash, randomBytes, sign } from 'node:crypto';
import { type HandshakeKind, handshakeKinds, serverCredential } from './handshake-kinds.ts';

/** What is told apart. */
export const primitiveNames = ['curves', 'hashes', 'hashesResumed'] as const;
export type PrimitiveName = (typeof primitiveNames)[number];

/**
 * HMACs that a server makes, of two hashes each. The PRF's (RFC 5246 §5): master secret (48 octets) and key block (40)
 * two blocks of two each, either verify_data (12) one block of two; an abbreviated handshake has its master secret.
 * Besides them a cookie made and checked, and the tag of a session ID.
 */
const hmacs = { full: 4 + 4 + 2 + 2 + 3, resumed: 4 + 2 + 2 + 3 };
/** Of the messages: for the extended master secret and either Finished. */
const digests = { full: 3, resumed: 2 };
/** Finished and close_notify, one of each in either direction. */
const records = 2;

/** Does those of one handshake. */
export function primitive(name: PrimitiveName): () => void {
  return name === 'curves' ? curves() : symmetric(name === 'hashes' ? 'full' : 'resumed');
}

/** Those that a kind of handshake cannot do without. */
export function primitivesOf(kind: HandshakeKind): readonly PrimitiveName[] {
  const { resumed, credential } = handshakeKinds[kind];
  if (resumed) return ['hashesResumed'];
  return credential.type === 'psk' ? ['hashes'] : ['curves', 'hashes'];
}

/** A signature, an ephemeral key and an agreement: P-256, agreement by ECDH objects: with KeyObjects the peer's point costs more to take in than to use. */
function curves(): () => void {
  const { key } = serverCredential();
  const signed = randomBytes(133);
  const point = createECDH('prime256v1').generateKeys();
  return () => {
    sign('sha256', signed, key);
    const own = createECDH('prime256v1');
    own.generateKeys();
    own.computeSecret(point);
  };
}

/** Hashes and protected records, in the fastest form that node:crypto has them in. */
function symmetric(kind: keyof typeof hmacs): () => void {
  const hashes = 2 * hmacs[kind] + digests[kind];
  const hashed = randomBytes(64 + 32 + 64);
  const [key, nonce, aad, plaintext] = [
    randomBytes(16),
    randomBytes(12),
    randomBytes(13),
    randomBytes(24),
  ];
  const options = { authTagLength: 8 };
  const seal = () => {
    const cipher = createCipheriv('aes-128-ccm', key, nonce, options);
    cipher.setAAD(aad, { plaintextLength: 24 });
    const ciphertext = cipher.update(plaintext);
    cipher.final();
    return { ciphertext, tag: cipher.getAuthTag() };
  };
  const { ciphertext, tag } = seal();
  const open = () => {
    const cipher = createDecipheriv('aes-128-ccm', key, nonce, options).setAuthTag(tag);
    cipher.setAAD(aad, { plaintextLength: 24 });
    cipher.update(ciphertext);
    cipher.final();
  };
  return () => {
    for (let i = 0; i < hashes; i++) hash('sha256', hashed, 'binary');
    for (let i = 0; i < records; i++) {
      seal();
      open();
    }
  };
}
