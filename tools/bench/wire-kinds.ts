/** The handshakes that are counted, and what both sides show in them. */
import { generateKeyPairSync } from 'node:crypto';
import { utf8 } from '../../src/base/bytes.ts';
import type { CipherSuiteName } from '../../src/dtls/cipher-suites.ts';
import type { ClientWishes } from '../../src/dtls/client-hellos.ts';
import type {
  ClientCredential,
  DtlsCredentials,
  OwnCertificate,
} from '../../src/dtls/credentials.ts';
import type { NamedGroupName } from '../../src/dtls/named-groups.ts';
import { issueTls, labEid, loadLabPki } from '../lab/pki/lab-pki.ts';

/** A handshake: what the device offers, which is no more than it needs, and what the eIM has for it. */
export interface WireKind {
  readonly name: string;
  readonly server: DtlsCredentials;
  readonly device: Pick<ClientWishes, 'groups' | 'tickets'> & {
    readonly suites: readonly CipherSuiteName[];
    readonly credential: ClientCredential;
  };
}

const key = utf8('0123456789abcdef');
/** The device goes by its EID. */
const psk: ClientCredential = { type: 'psk', identity: labEid, key };
const pskServer: DtlsCredentials = { psk: () => [key] };

const p256: readonly NamedGroupName[] = ['secp256r1'];

function withPsk(
  name: string,
  suite: CipherSuiteName,
  groups: readonly NamedGroupName[],
): WireKind {
  return { name, server: pskServer, device: { suites: [suite], groups, credential: psk } };
}

function withCertificate(
  name: string,
  shown: OwnCertificate,
  groups: readonly NamedGroupName[],
  {
    type = 'certificate',
    own,
  }: { type?: 'certificate' | 'rawPublicKey'; own?: OwnCertificate } = {},
): WireKind {
  // Octets are counted: whether the server is the right one is not asked, nor whether the device is.
  const credential: ClientCredential = {
    type,
    trust: () => {},
    ...(own === undefined ? {} : { own }),
  };
  const check = () => labEid;
  return {
    name,
    server: {
      certificates: [shown],
      ...(own === undefined ? {} : { clientAuthentication: { mode: 'required', check } }),
    },
    device: { suites: ['TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8'], groups, credential },
  };
}

/** What a resumption goes on from: PSK, with a ticket or without. */
export const fullPsk = withPsk('PSK', 'TLS_PSK_WITH_AES_128_CCM_8', p256);

/** All full handshakes. The certificates are the lab's, of one element each. */
export function fullHandshakes(): readonly WireKind[] {
  const pki = loadLabPki();
  const certificate = (namedCurve: string): OwnCertificate => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve });
    const issued = issueTls(pki, ['eim.example.com'], {}, privateKey);
    return { chain: [issued.certificate], key: issued.key };
  };
  const eim = certificate('prime256v1');
  const own = certificate('prime256v1');
  const withTicket = (kind: WireKind): WireKind => ({
    ...kind,
    name: `${kind.name}, and a ticket`,
    device: { ...kind.device, tickets: true },
  });
  const plain = withCertificate('Certificate, secp256r1', eim, p256);
  return [
    fullPsk,
    withTicket(fullPsk),
    withPsk('ECDHE_PSK, secp256r1', 'TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256', p256),
    withPsk('ECDHE_PSK, x25519', 'TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256', ['x25519']),
    plain,
    withTicket(plain),
    // The certificate stays on P-256, so that the device has to offer that, too.
    withCertificate('Certificate, x25519', eim, ['x25519', 'secp256r1']),
    withCertificate('Certificate, brainpoolP256r1', certificate('brainpoolP256r1'), [
      'brainpoolP256r1',
    ]),
    withCertificate('Raw public key, secp256r1', eim, p256, { type: 'rawPublicKey' }),
    withCertificate('Certificates both ways, secp256r1', eim, p256, { own }),
    withCertificate('Raw public keys both ways, secp256r1', eim, p256, {
      type: 'rawPublicKey',
      own: { key: own.key },
    }),
  ];
}
