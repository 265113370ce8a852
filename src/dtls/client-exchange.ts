/** The client's half of each key exchange: hears flight 4 to its end, and makes ClientKeyExchange. */
import { utf8 } from '../base/bytes.ts';
import { AlertDescription, HandshakeError } from './alert.ts';
import { certificateTypeOf, checked, decodeCertificate, publicKeyOf } from './certificate-types.ts';
import type { ClientContext } from './client-hellos.ts';
import type { ClientCredential, ShownCertificate } from './credentials.ts';
import { silence, type Turn } from './handshake.ts';
import { pskPremaster, type Randoms } from './key-schedule.ts';
import { CertificateRequest } from './messages/certificate-request.ts';
import {
  EcdheClientKeyExchange,
  EcdhePskClientKeyExchange,
  PskClientKeyExchange,
} from './messages/client-key-exchange.ts';
import { type HandshakeMessage, HandshakeType } from './messages/handshake-message.ts';
import {
  EcdhePskServerKeyExchange,
  EcdheServerKeyExchange,
  type EcdhParameters,
  namedCurve,
  PskServerKeyExchange,
} from './messages/server-key-exchange.ts';
import { type NamedGroup, namedGroups } from './named-groups.ts';
import { signedParameters } from './server-exchange.ts';
import { preferredSchemes, verifyWith } from './signature-schemes.ts';
import { decode, encode } from './struct.ts';
import type { Transcript } from './transcript.ts';

export type PskCredential = Extract<ClientCredential, { type: 'psk' }>;
export type CertificateCredential = Exclude<ClientCredential, { type: 'psk' }>;

/** What comes out of flight 4. */
export interface Exchange {
  readonly premaster: Uint8Array;
  /** The body of ClientKeyExchange. */
  readonly exchange: Uint8Array;
  /** What the server wants of a certificate; absent: it asked for none. */
  readonly request?: CertificateRequest;
}

type Hearing = Generator<Turn, Exchange, HandshakeMessage>;

export function* pskExchange(transcript: Transcript, { identity, key }: PskCredential): Hearing {
  let message = yield silence;
  if (message.type === HandshakeType.serverKeyExchange) {
    const body = transcript.receive(HandshakeType.serverKeyExchange, message);
    decode('ServerKeyExchange', PskServerKeyExchange, body); // a hint, of which we have no use
    message = yield silence;
  }
  transcript.receive(HandshakeType.serverHelloDone, message);
  return {
    premaster: pskPremaster(key),
    exchange: encode(PskClientKeyExchange, { identity: utf8(identity) }),
  };
}

export function* ecdhePskExchange(
  transcript: Transcript,
  { identity, key }: PskCredential,
  context: ClientContext,
): Hearing {
  const { parameters } = decode(
    'ServerKeyExchange',
    EcdhePskServerKeyExchange,
    transcript.receive(HandshakeType.serverKeyExchange, yield silence),
  );
  const share = groupOf(parameters, context).generate(context.random);
  const shared = share.shared(parameters.point);
  transcript.receive(HandshakeType.serverHelloDone, yield silence);
  return {
    premaster: pskPremaster(key, shared),
    exchange: encode(EcdhePskClientKeyExchange, { identity: utf8(identity), point: share.point }),
  };
}

/** `chosen` is the type of certificate that the ServerHello names. */
export function* ecdheEcdsaExchange(
  transcript: Transcript,
  credential: CertificateCredential,
  context: ClientContext,
  randoms: Randoms,
  chosen: number,
): Hearing {
  const type = certificateTypeOf[credential.type];
  if (chosen !== type) {
    const complaint = 'the server chose a type of certificate that was not offered';
    throw new HandshakeError(AlertDescription.unsupportedCertificate, complaint);
  }
  const shown = decodeCertificate(
    transcript.receive(HandshakeType.certificate, yield silence),
    type,
  );
  const key = trustedKey(shown, credential);
  const { parameters, scheme, signature } = decode(
    'ServerKeyExchange',
    EcdheServerKeyExchange,
    transcript.receive(HandshakeType.serverKeyExchange, yield silence),
  );
  const group = groupOf(parameters, context);
  const known = preferredSchemes.find(({ id }) => id === scheme);
  if (known === undefined) {
    const complaint = 'the server chose a signature that was not offered';
    throw new HandshakeError(AlertDescription.illegalParameter, complaint);
  }
  if (!verifyWith(known, key, signedParameters(randoms, parameters), signature)) {
    throw new HandshakeError(AlertDescription.decryptError, 'the server did not sign its key');
  }
  const share = group.generate(context.random);
  const premaster = share.shared(parameters.point);
  let message = yield silence;
  let request: CertificateRequest | undefined;
  if (message.type === HandshakeType.certificateRequest) {
    const body = transcript.receive(HandshakeType.certificateRequest, message);
    request = decode('CertificateRequest', CertificateRequest, body);
    message = yield silence;
  }
  transcript.receive(HandshakeType.serverHelloDone, message);
  const exchange = encode(EcdheClientKeyExchange, { point: share.point });
  return { premaster, exchange, ...(request === undefined ? {} : { request }) };
}

function groupOf({ curveType, group }: EcdhParameters, { groups }: ClientContext): NamedGroup {
  const offered = groups.map((name): NamedGroup => namedGroups[name]);
  const found = offered.find(({ id }) => id === group);
  if (curveType !== namedCurve || found === undefined) {
    const complaint = 'the server chose a group that was not offered';
    throw new HandshakeError(AlertDescription.illegalParameter, complaint);
  }
  return found;
}

/** The key of the server's certificate, once the owner trusts it. */
function trustedKey(shown: ShownCertificate | undefined, credential: CertificateCredential) {
  if (shown === undefined) {
    throw new HandshakeError(AlertDescription.badCertificate, 'the server has no certificate');
  }
  checked("the server's", () => trust(shown, credential));
  return publicKeyOf(shown);
}

function trust(shown: ShownCertificate, credential: CertificateCredential): void {
  if (shown.type === 'certificate' && credential.type === 'certificate') {
    credential.trust(shown.chain);
  } else if (shown.type === 'rawPublicKey' && credential.type === 'rawPublicKey') {
    credential.trust(shown.spki);
  } else throw new Error('of another type');
}
