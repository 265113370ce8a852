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

/** Whether only this machine can reach a listener on `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.[0-9]{1,3}){3}$/.test(host);
}
