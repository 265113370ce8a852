/** The server's half of each key exchange: what it sends before ServerHelloDone, and what it makes of the answer. */
import { concat, fromUtf8, utf8 } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';
import { AlertDescription, HandshakeError } from './alert.ts';
import { encodeCertificate } from './certificate-types.ts';
import type { DtlsCredentials } from './credentials.ts';
import { pskPremaster, type Randoms } from './key-schedule.ts';
import {
  EcdheClientKeyExchange,
  EcdhePskClientKeyExchange,
  PskClientKeyExchange,
} from './messages/client-key-exchange.ts';
import {
  EcdhePskServerKeyExchange,
  EcdheServerKeyExchange,
  EcdhParameters,
  namedCurve,
  PskServerKeyExchange,
} from './messages/server-key-exchange.ts';
import type { KeyShare, NamedGroup } from './named-groups.ts';
import type { Choice } from './negotiation.ts';
import type { PskClaim } from './psk-failures.ts';
import { signWith } from './signature-schemes.ts';
import { decode, encode } from './struct.ts';

export interface ExchangeContext {
  readonly credentials: DtlsCredentials;
  readonly random: Random;
  /**
   * Answer an unknown PSK identity with unknown_psk_identity (RFC 4279 §2) instead of going on with a key that
   * nobody has. It tells strangers which identities exist.
   */
  readonly explain: boolean;
  /** Told which identity the client names. */
  claimed?(claim: PskClaim): void;
}

export interface ServerExchange {
  /** The body of Certificate; undefined: there is none. */
  readonly certificate: Uint8Array | undefined;
  /** The body of ServerKeyExchange; undefined: there is none. */
  readonly parameters: Uint8Array | undefined;
  /** What the body of ClientKeyExchange makes of it. Throws HandshakeError. */
  hear(exchange: Uint8Array): Secret;
}

export interface Secret {
  /** Several where a PSK identity has several keys: the client's Finished shows which it is. */
  readonly premasters: readonly Uint8Array[];
  /** Whose keys they were made of, in the same order; undefined: the key exchange has none. */
  readonly psk: Psk | undefined;
}

export interface Psk {
  readonly identity: string;
  readonly keys: readonly Uint8Array[];
}

export function serverExchange(
  choice: Choice,
  context: ExchangeContext,
  randoms: Randoms,
): ServerExchange {
  switch (choice.keyExchange) {
    case 'psk':
      return new PskExchange(context);
    case 'ecdhePsk':
      return new EcdhePskExchange(choice.group, context);
    case 'ecdheEcdsa':
      return new EcdheEcdsaExchange(choice, context, randoms);
  }
}

class PskExchange implements ServerExchange {
  readonly certificate: undefined;
  /** Only where there is a hint (RFC 4279 §2). */
  readonly parameters: Uint8Array | undefined;
  readonly #context: ExchangeContext;

  constructor(context: ExchangeContext) {
    const { pskHint = '' } = context.credentials;
    this.#context = context;
    if (pskHint !== '') {
      this.parameters = encode(PskServerKeyExchange, { identityHint: utf8(pskHint) });
    }
  }

  hear(exchange: Uint8Array): Secret {
    const { identity } = decode('ClientKeyExchange', PskClientKeyExchange, exchange);
    const psk = lookUp(identity, this.#context);
    return { premasters: premastersOf(psk), psk };
  }
}

class EcdhePskExchange implements ServerExchange {
  readonly certificate: undefined;
  readonly parameters: Uint8Array;
  readonly #context: ExchangeContext;
  readonly #share: KeyShare;

  constructor(group: NamedGroup, context: ExchangeContext) {
    const identityHint = utf8(context.credentials.pskHint ?? '');
    this.#context = context;
    this.#share = group.generate(context.random);
    const parameters = parametersOf(group, this.#share);
    this.parameters = encode(EcdhePskServerKeyExchange, { identityHint, parameters });
  }

  hear(exchange: Uint8Array): Secret {
    const read = decode('ClientKeyExchange', EcdhePskClientKeyExchange, exchange);
    const shared = this.#share.shared(read.point);
    const psk = lookUp(read.identity, this.#context);
    return { premasters: premastersOf(psk, shared), psk };
  }
}

class EcdheEcdsaExchange implements ServerExchange {
  readonly certificate: Uint8Array;
  readonly parameters: Uint8Array;
  readonly #share: KeyShare;

  constructor(
    { certificate, type, scheme, group }: Extract<Choice, { keyExchange: 'ecdheEcdsa' }>,
    context: ExchangeContext,
    randoms: Randoms,
  ) {
    this.#share = group.generate(context.random);
    const parameters = parametersOf(group, this.#share);
    const signature = signWith(scheme, certificate.key, signedParameters(randoms, parameters));
    const signed = { parameters, scheme: scheme.id, signature };
    this.certificate = encodeCertificate(certificate, type);
    this.parameters = encode(EcdheServerKeyExchange, signed, roomy);
  }

  hear(exchange: Uint8Array): Secret {
    const { point } = decode('ClientKeyExchange', EcdheClientKeyExchange, exchange);
    return { premasters: [this.#share.shared(point)], psk: undefined };
  }
}

function premastersOf({ keys }: Psk, shared?: Uint8Array): readonly Uint8Array[] {
  const premasters: Uint8Array[] = [];
  for (const key of keys) premasters.push(pskPremaster(key, shared));
  return premasters;
}

/** Octets of a ServerKeyExchange on a curve of 256 bits, and some more. */
const roomy = 160;

function parametersOf(group: NamedGroup, share: KeyShare): EcdhParameters {
  return { curveType: namedCurve, group: group.id, point: share.point };
}

/** What the server signs: both randoms and the parameters (RFC 8422 §5.4). */
export function signedParameters(randoms: Randoms, parameters: EcdhParameters): Uint8Array {
  return concat(randoms.client, randoms.server, encode(EcdhParameters, parameters));
}

/**
 * The keys of an identity. One that nobody knows gets a key that nobody has: the handshake then ends like one with a
 * wrong key, and the peer learns nothing (RFC 4279 §7.3).
 */
function lookUp(identity: Uint8Array, context: ExchangeContext): Psk {
  const { credentials, random, explain } = context;
  const text = identityText(identity);
  const keys = text === undefined ? [] : (credentials.psk?.(identity) ?? []);
  const known = text !== undefined && keys.length > 0;
  context.claimed?.({ identity: identity.slice(), known });
  if (known) return { identity: text, keys };
  if (explain) {
    throw new HandshakeError(AlertDescription.unknownPskIdentity, 'unknown PSK identity');
  }
  return { identity: '', keys: [random(16)] };
}

/** Identities are UTF-8 (RFC 4279 §5.1); undefined for octets that are not. */
function identityText(identity: Uint8Array): string | undefined {
  try {
    return fromUtf8(identity);
  } catch {
    return undefined;
  }
}
