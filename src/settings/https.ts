/** ESipa over HTTPS: whether it is served, to whom, and what one peer may take. */
import { z } from 'zod';
import { count, duration, flag, port, setting, text } from './setting.ts';

export const https = {
  enabled: setting(
    flag,
    false,
    'true: ESipa is served over HTTPS too (SGP.32 6.1.1), in ASN.1 and in JSON, with the certificates of the DTLS server;',
    'eUICCs are told so (eimSupportedProtocol).',
  ),
  host: setting(text, '0.0.0.0', "Address of the devices' side over HTTPS; '::' for IPv6 too."),
  port: setting(
    port,
    443,
    'TCP port; devices take 443 where eim.fqdn has none. 0 picks a free one.',
  ),
  tls: setting(
    flag,
    true,
    'false: plain HTTP, for a laboratory or behind a proxy that ends TLS on this machine: whoever is on the way reads and',
    'changes all that devices send and get. Each start and `eim info` warn.',
  ),
  clientAuthentication: setting(
    z.enum(['none', 'optional', 'required']),
    'none',
    'Whether devices are asked for a certificate, which must be one that a device was added with, or lead to',
    'dtls.clientAnchors: none, optional or required. Who proves nothing speaks for no EID that a device is bound to (but see',
    'esipa.boundEidsOpen). Where they are asked, no TLS session is resumed.',
  ),
  bodyLimit: setting(
    z.int().min(1024),
    131_072,
    'Largest request body, in octets; 413 beyond it. In base64 a message is a third larger than over CoAP.',
  ),
  headerLimit: setting(
    z.int().min(1024).max(65_536),
    8192,
    'Largest request line and headers together, in octets; 431 beyond it.',
  ),
  connections: setting(count, 4096, 'Most connections, of some 40 kB each; one more is refused.'),
  connectionsPerAddress: setting(
    count,
    512,
    "Of those, from one IPv4 address or IPv6 /64. A carrier's NAT, or a proxy, puts a fleet behind a few addresses: raise it",
    'there.',
  ),
  handshakesPerAddress: setting(
    count,
    200,
    'TLS handshakes a second from one IPv4 address or IPv6 /64, as with dtls.ecdhePerAddress; five times as many may come at',
    'once. Beyond, connections are refused, and devices try again.',
  ),
  requestsPerConnection: setting(
    count,
    1000,
    'Most requests of one connection; it is closed after the last.',
  ),
  requestTimeout: setting(
    duration,
    '30s',
    'A TLS handshake, and a request from its first octet to its last, must be done by then.',
  ),
  idleTimeout: setting(
    duration,
    '60s',
    'A connection without a request for so long is closed. Devices pause between the steps of a download: 15s or more.',
  ),
} as const;
