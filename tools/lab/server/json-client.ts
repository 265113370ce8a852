/** Requests that a part of the lab sends to a server: JSON over HTTPS; servers prove themselves with a certificate too. */
import { X509Certificate } from 'node:crypto';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { Address } from '../../../src/base/address.ts';
import { BytesError, concat, fromUtf8, utf8 } from '../../../src/base/bytes.ts';
import type { Clock } from '../../../src/base/clock.ts';
import { parseSmdpAddress, SmdpAddressError } from '../../../src/messages/smdp-address.ts';
import { readCertificate } from '../../../src/trust/certificate.ts';
import { ChainError } from '../../../src/trust/chain-error.ts';
import type { LabCredential } from '../pki/lab-pki.ts';

/** No answer, or none that can be read. */
export class PeerError extends Error {
  override readonly name = 'PeerError';
  /** Where the answer was one that is no success. */
  readonly status: number | undefined;

  constructor(message: string, options: ErrorOptions & { readonly status?: number } = {}) {
    super(message, options);
    this.status = options.status;
  }
}

export interface JsonClientOptions {
  /** What it proves itself with; a device has none. */
  readonly credential?: LabCredential;
  /** DER of the CIs that servers must chain to. */
  readonly cis: readonly Uint8Array[];
  readonly clock: Clock;
  /** Milliseconds for a whole answer. Default 10 s. */
  readonly timeout?: number;
  /** Octets of an answer. Default 64 KiB. */
  readonly bodyLimit?: number;
  /** Where a host leads instead of where DNS says; its certificate is still to be that of its name. */
  readonly hosts?: Readonly<Record<string, Address>>;
}

export interface PeerRequest {
  /** Host or host:port. */
  readonly address: string;
  readonly path: string;
  readonly body: object;
  /** What the server's certificate must have among its policies. */
  readonly role?: string;
}

/** What a function answered. */
export interface PeerAnswer {
  /** `subject/reason` of a function that failed. */
  readonly refusal?: string;
  /** The body as it came. */
  readonly body: Uint8Array;
  /** What the JSON object has. */
  readonly members: Readonly<Record<string, unknown>>;
}

const usualBodyLimit = 64 * 1024;

export class JsonClient {
  readonly #options: JsonClientOptions;

  constructor(options: JsonClientOptions) {
    this.#options = options;
  }

  /** Posts, and reads the functionExecutionStatus; an empty answer is success. Throws PeerError. */
  async post(request: PeerRequest): Promise<PeerAnswer> {
    const { status, body } = await this.#exchange(request);
    if (status !== 200 && status !== 204) throw new PeerError(`HTTP ${status}`, { status });
    return body.length === 0 ? { body, members: {} } : outcomeOf(body);
  }

  #exchange({ address, path, body, role }: PeerRequest) {
    const { credential, cis, clock, timeout = 10_000, hosts = {} } = this.#options;
    const { bodyLimit = usualBodyLimit } = this.#options;
    const { host, port } = targetOf(address);
    const to = hosts[host] ?? { address: host, port };
    return new Promise<{ status: number; body: Uint8Array }>((resolve, reject) => {
      const fail = (why: string) => {
        cancel();
        outgoing.destroy();
        reject(new PeerError(why));
      };
      const outgoing = httpsRequest({
        agent: false,
        method: 'POST',
        host: to.address,
        port: to.port,
        path,
        headers: {
          Host: address,
          'Content-Type': 'application/json;charset=UTF-8',
          'X-Admin-Protocol': 'gsma/rsp/v2.5.0',
        },
        minVersion: 'TLSv1.2',
        ...(credential && {
          key: credential.key.export({ format: 'pem', type: 'pkcs8' }),
          cert: pem(credential.certificate),
        }),
        ca: cis.map(pem),
        ...(isIP(host) === 0 && { servername: host }),
        // Called once the chain was found good; what it returns ends the connection.
        checkServerIdentity: (_name, { raw }) => identityComplaint(new Uint8Array(raw), host, role),
      });
      const cancel = clock.after(timeout, () => fail(`no answer within ${timeout / 1000} s`));
      outgoing.on('error', (error) => fail(error.message));
      outgoing.on('response', (incoming) => {
        const parts: Uint8Array[] = [];
        let length = 0;
        incoming.on('data', (part: Uint8Array) => {
          length += part.length;
          if (length > bodyLimit) fail('the answer is too large');
          else parts.push(part);
        });
        incoming.on('error', (error) => fail(error.message));
        incoming.on('end', () => {
          cancel();
          resolve({ status: incoming.statusCode ?? 0, body: concat(...parts) });
        });
      });
      outgoing.end(utf8(JSON.stringify(body)));
    });
  }
}

function targetOf(address: string) {
  try {
    return parseSmdpAddress(address);
  } catch (cause) {
    if (!(cause instanceof SmdpAddressError)) throw cause;
    throw new PeerError(`the address ${cause.message}`, { cause });
  }
}

/** What is wrong with a server's certificate besides its chain. */
function identityComplaint(
  der: Uint8Array,
  host: string,
  role: string | undefined,
): Error | undefined {
  const certificate = new X509Certificate(der);
  const named = isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host);
  if (named === undefined) return new Error(`the certificate is not that of ${host}`);
  if (role === undefined) return undefined;
  try {
    if (readCertificate(der).policies.includes(role)) return undefined;
  } catch (error) {
    if (!(error instanceof ChainError)) throw error;
  }
  return new Error('the certificate is of another role');
}

function outcomeOf(body: Uint8Array): PeerAnswer {
  const members = membersOf(body);
  const at = (from: unknown, name: string): unknown => Reflect.get(Object(from), name);
  const status = at(at(members, 'header'), 'functionExecutionStatus');
  if (/^Executed/i.test(String(at(status, 'status')))) return { body, members };
  const data = at(status, 'statusCodeData');
  return { refusal: `${at(data, 'subjectCode')}/${at(data, 'reasonCode')}`, body, members };
}

function membersOf(body: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    return { ...Object(JSON.parse(fromUtf8(body).replace(/^\uFEFF/, ''))) };
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof BytesError)) throw cause;
    throw new PeerError('the answer is no JSON', { cause });
  }
}

function pem(certificate: Uint8Array): string {
  return new X509Certificate(certificate).toString();
}
