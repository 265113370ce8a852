/** Why a socket cannot be bound, and what the operator may do about it. */

/** `cannot listen on TCP 127.0.0.1 port 8080 (EADDRINUSE); …`; `group` is that of the settings, such as `rest`. */
export function listenFailure(
  where: { readonly protocol: 'TCP' | 'UDP'; readonly host: string; readonly port: number },
  code: string | undefined,
  group: string,
): string {
  const { protocol, host, port } = where;
  return `cannot listen on ${protocol} ${host} port ${port} (${code}); ${advice(code, group)}`;
}

function advice(code: string | undefined, group: string): string {
  if (code === 'EADDRINUSE') return `another program listens there: stop it or set ${group}.port`;
  if (code === 'EACCES') {
    return `not allowed: set ${group}.port to one above 1023, or give the service CAP_NET_BIND_SERVICE`;
  }
  return `set ${group}.host and ${group}.port to an address of this machine`;
}
