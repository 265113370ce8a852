/** Resolves when the event loop has been through what is here now: datagrams that lie in the socket, above all. */
export function turnOfLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
