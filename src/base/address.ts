/** Where a datagram came from or goes to. */
export interface Address {
  /** IPv4 or IPv6 address, as text. */
  readonly address: string;
  readonly port: number;
}

/** `127.0.0.1:5684`, `[::1]:5684`. */
export function addressText(address: Address): string {
  const host = address.address.includes(':') ? `[${address.address}]` : address.address;
  return `${host}:${address.port}`;
}

/** An IP address, with a port or the one given here: as `addressText` writes it; undefined where it is none. */
export function parseAddress(text: string, port: number): Address | undefined {
  const [, six, four = '', digits] =
    /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::([0-9]{1,5}))?$/.exec(text) ?? [];
  const number = digits === undefined ? port : Number(digits);
  if (number < 1 || number > 65_535) return undefined;
  const host = six === undefined ? four : `[${six}]`;
  if (!URL.canParse(`http://${host}`)) return undefined;
  const { hostname } = new URL(`http://${host}`);
  if (six !== undefined) return { address: hostname.slice(1, -1), port: number };
  return hostname === four ? { address: four, port: number } : undefined;
}

/** Whether only this machine can reach a listener on `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.[0-9]{1,3}){3}$/.test(host);
}
