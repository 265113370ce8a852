/** What the configuration switches off. */
import type { Config } from './config.ts';

/** What this configuration switches off that would keep others out: `eim serve` and `eim info` say it, for people. */
export function weaknesses({ es9, https, rest }: Config): readonly string[] {
  const insecure =
    'es9.insecure: TLS certificates of SM-DP+s and SM-DSs are not checked; this is for a lab alone';
  const plain =
    'https.tls is off: devices over HTTPS are neither authenticated nor kept secret; for a lab, or a proxy on this machine, alone';
  const proxied =
    'rest.behindProxy is on: REST speaks plain HTTP, and only the proxy before it keeps tokens secret';
  return [
    ...(es9.insecure ? [insecure] : []),
    ...(https.enabled && !https.tls ? [plain] : []),
    ...(rest.behindProxy ? [proxied] : []),
  ];
}
