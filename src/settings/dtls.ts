/** DTLS: whom to let in, with what, and how long connections last. */
import { z } from 'zod';
import { type CipherSuiteName, isCipherSuiteName } from '../dtls/cipher-suites.ts';
import { defaultGroups, type NamedGroupName, namedGroups } from '../dtls/named-groups.ts';
import {
  count,
  duration,
  flag,
  isRecord,
  onePath,
  optional,
  optionalPath,
  paths,
  setting,
  text,
} from './setting.ts';

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

export const dtls = {
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
  handshakeTimeout: setting(duration, '130s', 'A handshake that is not done by then is given up.'),
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
    'has its record: no kill has one taken twice, though a power cut may where somebody kept one of the last second.',
    'false: each restart costs every device a handshake, and what is in the store is deleted.',
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
} as const;
