/** Hosts that lie in a network of one's own: where a stranger must not send us. */
import { BlockList, isIP } from 'node:net';

/** What no public server has for an address (RFC 6890): this host, private, link-local, shared, multicast, reserved. */
const inner: readonly (readonly [address: string, prefix: number, family: 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  // Unspecified, loopback, and IPv4 in its oldest clothes.
  ['::', 96, 'ipv6'],
  // IPv4 behind a translator (RFC 6052).
  ['64:ff9b::', 96, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
];

/**
 * Whether a host is an address of this machine or of a private network, or a name that means this machine (RFC 6761).
 * @param host a DNS name, an IPv4 address, or an IPv6 address without its brackets
 */
export function isInnerHost(host: string): boolean {
  const version = isIP(host);
  if (version === 0) return /(^|\.)localhost\.?$/i.test(host);
  const list = new BlockList();
  for (const [address, prefix, family] of inner) list.addSubnet(address, prefix, family);
  return list.check(host, version === 4 ? 'ipv4' : 'ipv6');
}
