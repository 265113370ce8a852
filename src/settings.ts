/**
 * Every setting of the eIM: its default, its unit, the section of the standard it belongs to, and why one would
 * change it. The configuration file's comments, the names of environment variables and the checks come from here;
 * config.ts reads them.
 */
import { z } from 'zod';
import { DurationError, parseDuration } from './base/duration.ts';
import { type CipherSuiteName, isCipherSuiteName } from './dtls/cipher-suites.ts';
import { defaultGroups, type NamedGroupName, namedGroups } from './dtls/named-groups.ts';

/** One setting; `Value` is what Config holds. */
export interface Setting<Value> {
  readonly schema: z.ZodType<Value>;
  /** As one would write it in the file; undefined: not set. */
  readonly fallback: unknown;
  /** Lines of the comment above it in the file. */
  readonly about: readonly string[];
  /** Makes the paths in a value absolute. */
  readonly paths?: (value: unknown, absolute: (path: string) => string) => unknown;
}

function setting<Value>(
  schema: z.ZodType<Value>,
  fallback: unknown,
  ...about: readonly string[]
): Setting<Value> {
  return { schema, fallback, about };
}

/** A length of time, written with its unit; Config holds milliseconds. */
const duration: z.ZodType<number> = z.string().transform((text, context) => {
  try {
    return parseDuration(text);
  } catch (error) {
    if (!(error instanceof DurationError)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
    return z.NEVER;
  }
});
const text = z.string().min(1);
const flag = z.boolean();
const port = z.int().min(0).max(65535);
const count = z.int().min(1);
const blockSize = z.literal([16, 32, 64, 128, 256, 512, 1024]);
const optional = <Value>(schema: z.ZodType<Value>) => schema.optional();

/** A file or folder; relative to the configuration file where it stands there, else to the working folder. */
function path(fallback: string, ...about: readonly string[]): Setting<string> {
  return { schema: text, fallback, about, paths: onePath };
}

function optionalPath(...about: readonly string[]): Setting<string | undefined> {
  return { schema: optional(text), fallback: undefined, about, paths: onePath };
}

function paths(...about: readonly string[]): Setting<readonly string[]> {
  return {
    schema: z.array(text),
    fallback: [],
    about,
    paths: (value, absolute) =>
      Array.isArray(value) ? value.map((one) => onePath(one, absolute)) : value,
  };
}

function onePath(value: unknown, absolute: (path: string) => string): unknown {
  return typeof value === 'string' ? absolute(value) : value;
}

function isUrl(value: unknown): boolean {
  return typeof value === 'string' && /^[a-z]+:\/\//i.test(value);
}

/** A file, or where to fetch one. */
const crlSource = text.refine(
  (source) => !isUrl(source) || (/^https:/i.test(source) && URL.canParse(source)),
  {
    error: 'must be a file or an https URL: have lists of plain http fetched into a file',
  },
);

/** A host of es9.hosts with its paths made absolute. */
function withPaths(
  host: Readonly<Record<string, unknown>>,
  absolute: (path: string) => string,
): Readonly<Record<string, unknown>> {
  const { ca, crls, ...rest } = host;
  return {
    ...rest,
    ...(ca === undefined ? {} : { ca: onePath(ca, absolute) }),
    ...(Array.isArray(crls) ? { crls: crls.map((one) => onePath(one, absolute)) } : {}),
  };
}

/** A DTLS server certificate besides that of eim.tls. */
const serverCertificate = z.strictObject({
  /** PEM files. */
  key: text,
  certificate: text,
  /** Server names that it is for; absent: those of its subjectAltName. */
  names: z.array(text).min(1).optional(),
});

const suiteName = z.string().refine(isCipherSuiteName, {
  error: 'no cipher suite that this eIM has, by its name of the IANA registry',
}) as z.ZodType<CipherSuiteName>;

const groupNames = Object.keys(namedGroups) as NamedGroupName[];

/** A regular expression, which must match the whole text. */
const pattern: z.ZodType<RegExp> = z.string().transform((source, context) => {
  try {
    return new RegExp(source, 'u');
  } catch {
    context.addIssue({ code: 'custom', message: 'is no regular expression' });
    return z.NEVER;
  }
});

/** SHA-256 of a public key (SubjectPublicKeyInfo), in hex. */
const keyPin: z.ZodType<string> = z
  .string()
  .transform((pin) => pin.replaceAll(':', '').toUpperCase())
  .refine((pin) => /^[0-9A-F]{64}$/.test(pin), {
    error: 'must be the SHA-256 of a public key, in hex (64 digits)',
  });

/** Where the name in the address of an SM-DP+ or SM-DS leads, in place of DNS and port 443, and whom to believe there. */
const es9Host = z
  .strictObject({
    address: text.optional(),
    port: z.int().min(1).max(65535).optional(),
    /** PEM file of a root to trust for this host alone. */
    ca: text.optional(),
    /** Files of CRLs, for what leads to `ca` or to the public roots. */
    crls: z.array(text).optional(),
    /** The public roots of Node.js are trusted for this host, in place of es9.roots. */
    publicRoots: z.boolean().optional(),
    /** Keys that the server may have: one of them. */
    pins: z.array(keyPin).min(1).optional(),
  })
  .refine(({ ca, publicRoots }) => ca === undefined || publicRoots !== true, {
    path: ['publicRoots'],
    error: 'must not be true where there is a ca',
  })
  .refine(({ ca, publicRoots, crls }) => crls === undefined || ca !== undefined || publicRoots, {
    path: ['crls'],
    error: 'are for a ca or for publicRoots; those of es9.roots are es9.crls',
  });

export const settings = {
  dataFolder: path(
    './data',
    'Folder of the store, and of the keys and certificates made on first start. One process at a time.',
  ),
  secret: {
    key: setting(
      optional(text),
      undefined,
      'Key of the secrets in the store (PSKs and the like), 32 octets in hex or base64: best given in the environment.',
    ),
    keyFile: optionalPath(
      'File with that key. Neither set: secret.key in the data folder, made on first start. Elsewhere it also protects',
      'copies of the whole data folder.',
    ),
    formerKeyFiles: paths(
      'Files with keys of before: what they sealed is sealed anew on the next start; then they can go.',
    ),
  },
  coaps: {
    host: setting(
      text,
      '0.0.0.0',
      "Address of the devices' side (CoAP over DTLS, SGP.32 6.1); '::' for IPv6 too.",
    ),
    port: setting(port, 5684, 'UDP port (RFC 7252 12.7: coaps is 5684); 0 picks a free one.'),
  },
  rest: {
    host: setting(
      text,
      '127.0.0.1',
      "Address of the operator's side (HTTP). On another address than a loopback one a token is required.",
    ),
    port: setting(port, 8080, 'TCP port; 0 picks a free one.'),
    token: setting(
      optional(z.string().min(16)),
      undefined,
      'Bearer token that requests must carry, of 16 characters or more. Not set: no token, loopback only.',
    ),
    bodyLimit: setting(z.int().min(1024), 1_048_576, 'Largest request body, in octets.'),
    waitLimit: setting(duration, '60s', 'Longest wait of one GET /v1/orders/:id?wait=…'),
    waiters: setting(count, 1000, 'Most requests that wait at a time; one more is answered 503.'),
  },
  eim: {
    id: setting(
      z.string().min(1).max(128),
      'eIM',
      'eimId (SGP.32 2.11.1.1.1): what eUICCs know this eIM by. Never change it while devices are associated.',
    ),
    idType: setting(
      z.enum(['oid', 'fqdn', 'proprietary']),
      'proprietary',
      'eimIdType: oid, fqdn or proprietary.',
    ),
    fqdn: setting(
      optional(z.string().min(1).max(255)),
      undefined,
      'eimFqdn: where devices find this eIM, host or host:port. Not set: the name of this machine.',
    ),
    signing: {
      key: optionalPath(
        'PEM file of the private key that signs eUICC Packages (P-256). Not set: made in the data folder on first start.',
      ),
      certificate: optionalPath(
        'PEM file of the eIM signing certificate. Not set: eUICCs are given the bare public key.',
      ),
      otherKeys: paths(
        'PEM files of further private keys (P-256): those that single eUICCs were given by updateEim, when a counter was',
        'used up or the key was to be changed. Packages for each eUICC are signed with the key that it was given.',
      ),
    },
    tls: {
      key: optionalPath(
        'PEM file of the private key of the DTLS server (P-256 or brainpoolP256r1). Not set: made on first start.',
      ),
      certificate: optionalPath(
        'PEM file of the DTLS server certificate, leaf first. Not set: self-signed, made on first start.',
      ),
      trust: setting(
        z.enum(['certificate', 'key']),
        'certificate',
        'What eUICCs are told to trust (trustedPublicKeyDataTls, SGP.32 2.11.1.1.1): the certificate, or its bare key,',
        'which outlives a renewal, and is all that a device with raw public keys needs. `eim info --tls-trust` gives either.',
      ),
    },
  },
  es9: {
    roots: paths(
      'PEM files of the roots that TLS certificates of SM-DP+s and SM-DSs must lead to: the GSMA CI, not the web PKI',
      '(SGP.22 2.6).',
    ),
    crls: paths(
      'Files (DER or PEM) of the CRLs of those roots, read on start. With any, each issuer of a chain must have one that is',
      'in force; what is revoked, or cannot be looked up, is not believed.',
    ),
    hosts: {
      ...setting(
        z.record(z.string().toLowerCase(), es9Host),
        {},
        'Where the name in the address of an SM-DP+ or SM-DS leads, in place of DNS, and whom to believe there in place of',
        'es9.roots and es9.crls: name → {address, port, ca, crls, publicRoots, pins}.',
        'For labs: {"smdp.example.com": {address: 127.0.0.1, port: 8443, ca: ./ci.pem}}.',
      ),
      paths: (value: unknown, absolute: (path: string) => string): unknown =>
        isRecord(value)
          ? Object.fromEntries(
              Object.entries(value).map(([name, host]) => [
                name,
                isRecord(host) ? withPaths(host, absolute) : host,
              ]),
            )
          : value,
    },
    insecure: setting(
      flag,
      false,
      'true: TLS certificates of SM-DP+s and SM-DSs are not checked, pins neither. Only for a lab; each start and `eim info`',
      'warn.',
    ),
    connectTimeout: setting(
      duration,
      '10s',
      'Longest wait for a TCP and TLS connection to an SM-DP+.',
    ),
    answerTimeout: setting(duration, '30s', 'Longest wait for the answer to a request.'),
    bodyLimit: setting(
      z.int().min(65_536),
      4_194_304,
      'Largest answer of an SM-DP+, in octets; a bound profile package is a third larger in base64.',
    ),
    notificationRetry: setting(
      duration,
      '60s',
      'Wait after a first try in vain to deliver a notification to its SM-DP+ (SGP.32 3.7); twice as long after each',
      'further one. Also how often it is looked whether one is due.',
    ),
    notificationRetryLimit: setting(
      duration,
      '6h',
      'Longest of these waits. An SM-DP+ that asks for more with Retry-After gets it, up to a day.',
    ),
    notificationLifetime: setting(
      duration,
      '90d',
      'How long an SM-DP+ is tried with a notification before it is given up. Also how long one that it refuses is kept.',
    ),
  },
  euicc: {
    roots: paths(
      'PEM files of the CI certificates that EUM and eUICC certificates must lead to (SGP.22 4.5.2.1).',
    ),
    crls: {
      ...setting(
        z.array(crlSource),
        [],
        'Revocation lists of those CIs (SGP.22 4.5.2): files (DER or PEM) and https URLs. A certificate that one of them',
        "names is not believed. What a certificate says of where its CI's lists are is not followed.",
      ),
      paths: (value: unknown, absolute: (path: string) => string): unknown =>
        Array.isArray(value)
          ? value.map((one) => (isUrl(one) ? one : onePath(one, absolute)))
          : value,
    },
    crlRefresh: setting(duration, '1h', 'How often the revocation lists are read again.'),
    crlGrace: setting(
      duration,
      '3d',
      'How long after its nextUpdate a revocation list counts as fresh; from nextUpdate on there are warnings.',
    ),
    staleCrl: setting(
      z.enum(['refuse', 'accept']),
      'refuse',
      'What a revocation list that is stale, or was never read, does: refuse: the key of an eUICC is not learned from',
      'certificates of that CI, and keys learned before stay good; accept: nothing, for a lab whose CI publishes none.',
    ),
    consumerEuicc: setting(
      flag,
      false,
      'true: a new eUICC counts as a consumer eUICC, whose results are believed without a signature check.',
    ),
    associationToken: setting(
      z.int(),
      1,
      'associationToken of a new eUICC (SGP.32 2.11.1.1.2): eUICCs count from 1.',
    ),
    counterStart: setting(
      z
        .int()
        .min(0)
        .max(2 ** 23 - 1),
      1,
      'counterValue in EimConfigurationData, and the last one taken as used for a new eUICC: packages go on from it.',
    ),
  },
  esipa: {
    paths: setting(
      z.array(z.string().regex(/^[^/].*[^/]$/, "a path without '/' at its ends")).min(1),
      ['gsma/rsp2/asn1', 'esipa'],
      'Uri-Paths that ESipa is served under over CoAP (SGP.32 6.1); devices in the field use either.',
    ),
    contentFormats: setting(
      z.array(z.int().min(0).max(65535)).min(1),
      [42],
      'Content-Formats a request may carry (42: octet-stream); none is always accepted. The first is answered.',
    ),
    unknownEid: setting(
      z.enum(['eidNotFound', 'noEimPackageAvailable']),
      'eidNotFound',
      'What a poll for an EID nobody knows is answered: eidNotFound (SGP.32 v1.2) or noEimPackageAvailable,',
      'all that devices of v1.0 know.',
    ),
    boundEidsOpen: setting(
      flag,
      false,
      'true: an EID that a device is bound to may also be spoken for by others.',
    ),
    reportKept: setting(
      duration,
      '10m',
      'How long a notification or result that a device sends once more, octet for octet, is acknowledged without being',
      'taken again; at most coap.bodyLifetime. 0s: it is taken again.',
    ),
  },
  orders: {
    noShow: setting(
      duration,
      '30d',
      'An order that no device has fetched for so long ends as noshowOrder. Longer than devices sleep.',
    ),
    stuck: setting(
      duration,
      '14d',
      'An order that was fetched so long ago, and had no result, ends as stuckOrder; the next has its turn.',
    ),
    expired: setting(duration, '30d', 'An order that is done is kept for so long, then deleted.'),
    mostOpen: setting(count, 256, 'Most orders of one EID that are not done; the next is refused.'),
    packageLimit: setting(
      count,
      16_384,
      'Most octets of an eUICC Package; an order that makes more is refused, as its eUICC would do later (sizeOverflow).',
      'Lower it for eUICCs that hold less.',
    ),
    maxDeliveries: setting(
      count,
      16,
      'How often one eIM package is handed out before its order ends as stuckOrder.',
    ),
    ownQuestions: setting(
      z.int().min(0),
      8,
      'How often in 24 hours the eIM asks one eUICC of itself, where its picture of it is in doubt; 0: never.',
      'A device tells of a change with a poll; bounded so that one that always does costs no more.',
    ),
    sweepEvery: setting(duration, '60s', 'How often these deadlines are looked at.'),
  },
  coap: {
    ackTimeout: setting(
      duration,
      '10s',
      'ACK_TIMEOUT of our own confirmable messages (RFC 7252 4.8, there 2s): at least the round trip, 10s for NB-IoT.',
      "It is where one begins; each device's is learned from its round trips.",
    ),
    ackTimeoutLeast: setting(
      duration,
      '2s',
      'A learned ACK_TIMEOUT is never less (RFC 7252 4.8.1).',
    ),
    ackTimeoutMost: setting(
      duration,
      '30s',
      "A learned ACK_TIMEOUT is never more; longer waits are a device's sleep.",
    ),
    ackRandomFactor: setting(z.number().min(1).max(3), 1.5, 'ACK_RANDOM_FACTOR (RFC 7252 4.8).'),
    maxRetransmit: setting(z.int().min(0).max(8), 4, 'MAX_RETRANSMIT (RFC 7252 4.8).'),
    emptyAckDelay: setting(
      duration,
      '1500ms',
      "A request whose answer takes longer is acknowledged without it (RFC 7252 5.2.2); below the device's ACK_TIMEOUT.",
    ),
    exchangeLifetime: setting(
      duration,
      '435s',
      'EXCHANGE_LIFETIME: how long a Message ID of a device is remembered (RFC 7252 4.8.2, there 247s);',
      '435s suits devices with an ACK_TIMEOUT of 10s.',
    ),
    bodyLimit: setting(
      z.int().min(1024),
      65_536,
      'Largest request body, in octets; 4.13 with Size1 beyond it (RFC 7959 2.9.3).',
    ),
    bodyLifetime: setting(
      duration,
      '10m',
      'How long a body is kept after its last block was sent or asked for (RFC 7959 2.4, 2.5).',
    ),
    bodiesPerDevice: setting(
      count,
      2,
      'Bodies that a connection may be sending at a time; the one longest untouched goes.',
    ),
    bodyOctets: setting(
      z.int().min(1024),
      67_108_864,
      'Octets of unfinished bodies of all devices by Block1, and as many by Q-Block1; beyond, those longest untouched go.',
    ),
    answersPerDevice: setting(
      count,
      4,
      'Answers in blocks that are kept for a connection, and for an identity whose connections are closed.',
    ),
    answerOctets: setting(
      z.int().min(1024),
      268_435_456,
      'Octets of answers in blocks of all devices; beyond, those longest untouched go (a known device has its own read',
      'back from the store).',
    ),
    repeatOctets: setting(
      z.int().min(1024),
      67_108_864,
      'Octets of answers kept for requests that are repeated (esipa.reportKept); beyond, the oldest go.',
    ),
    messagesPerDevice: setting(
      z.int().min(9),
      16,
      'Message IDs that are remembered for a connection, each with what was answered (RFC 7252 4.5).',
    ),
    messageOctets: setting(
      z.int().min(1024),
      134_217_728,
      'Octets of those answers, of all devices; beyond, the devices longest silent are forgotten early.',
    ),
    devices: setting(
      count,
      250_000,
      'Devices whose messages and links are remembered; beyond, those longest silent are forgotten early.',
    ),
    blockSize: setting(
      blockSize,
      1024,
      'Largest block, in octets: 16 to 1024, a power of 2 (RFC 7959 2.2); a device may ask for smaller ones.',
    ),
    answerStored: setting(
      duration,
      '24h',
      "How long a device that proved who it is may go on with an answer in blocks from the store: a device's longest",
      'sleep in the middle of a download.',
    ),
    qBlock: setting(
      flag,
      true,
      'Devices may ask for Q-Block1 and Q-Block2 (RFC 9177); false: 4.02, and they go on by Block1 and Block2.',
    ),
    maxPayloads: setting(
      z.int().min(1).max(100),
      10,
      'MAX_PAYLOADS (RFC 9177 7.2): blocks that leave in one go; the same here and on the devices.',
    ),
    nonTimeout: setting(
      duration,
      '2s',
      'NON_TIMEOUT (RFC 9177 7.2): least wait between two such sets while the device is silent.',
    ),
    nonReceiveTimeout: setting(
      duration,
      '4s',
      'NON_RECEIVE_TIMEOUT (RFC 9177 7.2): silence after which missing blocks are asked for; 1s or more above 1.5 times',
      'nonTimeout.',
    ),
    linkRate: setting(
      z.int().min(1000),
      26_000,
      "Bits a second that a device's link is taken to carry until it has shown more or less: sets leave no faster.",
    ),
  },
  dtls: {
    allowAnonymous: setting(
      flag,
      true,
      'Devices that prove nothing may connect, with the server alone authenticated by its certificate (SGP.32 2.6).',
    ),
    clientAuthentication: setting(
      z.enum(['none', 'optional', 'required']),
      'none',
      'Whether devices that come without a PSK are asked for a certificate or raw public key (RFC 5246 7.4.4). none, for',
      'asking costs octets in each handshake; optional where some devices have one, required where all have.',
    ),
    clientAnchors: paths(
      'PEM files of the CAs that device certificates may lead to. Empty: only pinned certificates and keys are taken.',
    ),
    clientName: setting(
      z.enum(['serialNumber', 'commonName', 'dns', 'uri']),
      'serialNumber',
      'Where such a certificate names its device: in the subject (serialNumber, commonName) or in subjectAltName (dns,',
      'uri). An EID speaks for itself; any other name must be that of a device added with --chain.',
    ),
    clientNamePattern: setting(
      optional(pattern),
      undefined,
      'Regular expression that the whole name must match; its first group, if it has one, is the name.',
      "For urn:imei-eid:8904…: 'urn:imei-eid:([0-9]{32})'.",
    ),
    certificates: {
      ...setting(
        z.array(serverCertificate).max(64),
        [],
        'More server certificates, for devices that ask for another name (server_name) or curve than that of eim.tls:',
        'list of {key, certificate, names}; without names, those of its subjectAltName.',
      ),
      paths: (value: unknown, absolute: (path: string) => string): unknown =>
        Array.isArray(value)
          ? value.map((one: unknown) =>
              isRecord(one)
                ? {
                    ...one,
                    key: onePath(one.key, absolute),
                    certificate: onePath(one.certificate, absolute),
                  }
                : one,
            )
          : value,
    },
    profile: setting(
      z.enum(['all', 'constrained', 'strict']),
      'all',
      'Cipher suites, in the order of preference: all; constrained (RFC 7925 4: AES-128 as AEAD); strict (ECDHE_ECDSA',
      'with AES-GCM alone, as GSMA asks of an eIM; no PSK).',
    ),
    suites: setting(
      optional(z.array(suiteName).min(1)),
      undefined,
      'Cipher suites by name, in the order of preference, in place of the profile: [TLS_PSK_WITH_AES_128_CCM_8, …].',
    ),
    groups: setting(
      z.array(z.enum(groupNames)).min(1),
      defaultGroups,
      'Groups for ECDHE (RFC 8422 5.1.1). Of several, the order of the device decides. brainpoolP256r1 costs ten times the',
      'processor time of the others: leave it out where no device has it alone.',
    ),
    pskHint: setting(
      optional(z.string().min(1).max(128)),
      undefined,
      'psk_identity_hint (RFC 4279 2); not set: none is sent.',
    ),
    mtu: setting(
      z.int().min(200).max(16_384),
      1200,
      'Largest datagram sent, in octets of UDP payload: what 1280 leaves after the headers of IP, UDP and a tunnel or two.',
    ),
    handshakes: setting(count, 2000, 'Most handshakes under way; hellos beyond are dropped.'),
    handshakesPerAddress: setting(
      count,
      500,
      "Of those, from one IPv4 address or IPv6 /64. A carrier's NAT puts a fleet behind a few addresses: raise it where all",
      'devices come from one.',
    ),
    ecdhePerAddress: setting(
      count,
      200,
      'Handshakes with ECDHE a second, from one IPv4 address or IPv6 /64; beyond, hellos are dropped, and devices repeat',
      'them. Five times as many may come at once. One of brainpoolP256r1 counts ten times. So no host takes the time of',
      'all others; PSK and resumption are not counted.',
    ),
    strangersPerAddress: setting(
      count,
      10_000,
      'Most connections of devices that prove nothing, from one IPv4 address or IPv6 /64, and as many of their sessions in',
      'the store; beyond, the one idle for longest ends. At least as many as stand behind one NAT; devices that prove who',
      'they are do not count.',
    ),
    handshakeTimeout: setting(
      duration,
      '130s',
      'A handshake that is not done by then is given up.',
    ),
    connections: setting(
      count,
      100_000,
      'Most connections in memory, asleep or awake. Beyond, the idlest are left to the store alone; without dtls.persist,',
      'one that was idle for 30m ends in favour of a new one, and where none was, the new one is refused.',
    ),
    awake: setting(
      count,
      10_000,
      'Most connections awake, of some 2 kB each; beyond, the idlest go to sleep, where each takes some 230 octets.',
    ),
    parkAfter: setting(
      duration,
      '60s',
      'A connection unused for so long goes to sleep; the next record wakes it.',
    ),
    idleLifetime: setting(
      duration,
      '7d',
      'A connection unused for so long ends. Longer than devices sleep.',
    ),
    persist: setting(
      flag,
      true,
      'Connections outlive a restart: they are in the store, encrypted, and what a device asks is looked at when the store',
      'has its record. false: each restart costs every device a handshake, and what is in the store is deleted.',
    ),
    cidLength: setting(
      z
        .int()
        .refine((length) => length === 0 || (length >= 6 && length <= 32), 'must be 0, or 6 to 32'),
      8,
      'Octets of the connection IDs given to devices (RFC 9146), so that they are found at any address: at least 5 more',
      'than dtls.cidPrefix has. A longer one is longer in each record. 0: none are given, and none taken.',
    ),
    cidPrefix: setting(
      z.string().regex(/^([0-9A-Fa-f]{2}){0,4}$/, 'up to 4 octets in hex'),
      '',
      'First octets of each connection ID, in hex: in a cluster, which node it belongs to.',
    ),
    draftConnectionIds: setting(
      flag,
      false,
      'true: connection IDs under the code points of drafts before RFC 9146 too (53; 254 in mbedTLS 2). For old fleets.',
    ),
    resumeFor: setting(
      duration,
      '7d',
      'How long after its full handshake a session may be resumed, by ID or by ticket (RFC 5246 F.1.4 suggests a day, which',
      'devices that report daily would just miss). 0s: never.',
    ),
    sessions: setting(count, 100_000, 'Most sessions to be resumed by ID that are kept in memory.'),
    tickets: setting(
      flag,
      true,
      'Devices that ask for a session ticket (RFC 5077) get one in place of a session ID. It costs some 150 octets each way,',
      'and nothing here.',
    ),
    cookielessResumption: setting(
      flag,
      true,
      'A resumption from the IP address where its session was last takes no cookie, which saves a round trip, while few',
      'handshakes are under way: its first flight goes to that very device and is less than twice its hello.',
    ),
    keyLog: optionalPath(
      'File that the secrets of all connections are written to (NSS key log), for Wireshark. Whoever reads it reads all that',
      'devices send and get: for laboratories only.',
    ),
  },
  messages: {
    strict: setting(
      flag,
      false,
      'true: what devices send other than the standard has it is refused, also where it is known and safe to read (eim',
      'euicc quirks --known): for certification.',
    ),
  },
  push: {
    silence: setting(
      duration,
      '30s',
      'A device that an order is pushed to (package injection, SGP.32 3.1.1.2) and that is silent for so long counts as',
      'not there, and the order waits for its poll. Longer where devices listen seldom (eDRX).',
    ),
    answer: setting(
      duration,
      '3m',
      'Longest wait for the answer of a device that is there: what is pushed may take the eUICC a while.',
    ),
    atOnce: setting(count, 64, 'Most pushes under way; one at a time for each eUICC.'),
    waiting: setting(
      count,
      10_000,
      'Most eUICCs that wait for a push; orders of others wait for their poll.',
    ),
    path: setting(
      z.string().regex(/^[^/].*[^/]$/, "a path without '/' at its ends"),
      'gsma/rsp2/asn1',
      'Uri-Path of TransferEimPackage on the device, which is the CoAP server there.',
    ),
  },
  log: {
    level: setting(
      z.enum(['debug', 'info', 'warn', 'error', 'silent']),
      'info',
      'debug, info, warn, error or silent; debug shows each dropped datagram.',
    ),
  },
} as const;

/** The values of a tree of settings: what is not set is there as undefined. */
export type Values<Tree> = {
  readonly [Name in keyof Tree]: Tree[Name] extends Setting<infer Value>
    ? Value
    : Values<Tree[Name]>;
};

export function isSetting(node: unknown): node is Setting<unknown> {
  return isRecord(node) && 'schema' in node && 'about' in node;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
