/** The address of an SM-DP+ as activation codes, notifications and operators write it: `host` or `host:port`. */

/** A text that is no SM-DP+ address; the message says what is wrong with it. */
export class SmdpAddressError extends Error {
  override readonly name = 'SmdpAddressError';
}

export interface SmdpAddress {
  /** DNS name in lower case, IPv4 address, or IPv6 address without its brackets. */
  readonly host: string;
  readonly port: number;
  /** The address as it was written: what the SM-DP+ is told (smdpAddress) and the Host header. */
  readonly text: string;
}

const httpsPort = 443;

/** Reads `smdp.example.com`, `smdp.example.com:8443`, `192.0.2.1:8443`, `[2001:db8::1]:8443`. Throws SmdpAddressError. */
export function parseSmdpAddress(text: string): SmdpAddress {
  const match = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253}))(?::([0-9]{1,5}))?$/.exec(
    text,
  );
  const [, address6, name, digits] = match ?? [];
  const host = (address6 ?? name)?.toLowerCase();
  if (host === undefined || (name !== undefined && !isHostName(name))) {
    throw new SmdpAddressError(
      'an SM-DP+ address is a host name or IP address, with or without :port',
    );
  }
  if (address6 !== undefined && !URL.canParse(`https://[${address6}]`)) {
    throw new SmdpAddressError('not an IPv6 address between the brackets');
  }
  const port = digits === undefined ? httpsPort : Number(digits);
  if (port < 1 || port > 65535) {
    throw new SmdpAddressError(`port ${port} is not from 1 to 65535`);
  }
  return { host, port, text };
}

/** Labels of 1 to 63 letters, digits, hyphens and underscores (RFC 1123 2.1; the underscore is met in labs). */
function isHostName(name: string): boolean {
  return name
    .replace(/\.$/, '')
    .split('.')
    .every((label) => /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label));
}
