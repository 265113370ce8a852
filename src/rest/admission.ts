/**
 * Who is let in, as whom, and how often. On a loopback address without `rest.token` anybody on this machine may
 * everything, as scripts expect; whoever shows a token all the same has its role and no more.
 */
import { timingSafeEqual } from 'node:crypto';
import { isLoopback } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import { ApiError } from './api/errors.ts';
import { RateLimit } from './rate-limit.ts';
import { mayDo, type RouteRole } from './roles.ts';
import { anyone, type Caller } from './route.ts';
import { digest, type Tokens } from './tokens.ts';

export interface AdmissionOptions {
  readonly tokens: Tokens;
  /** `rest.token`, of role admin. */
  readonly token: string | undefined;
  /** Whether a token is needed: anywhere but on a loopback address that no proxy stands before. */
  readonly strict: boolean;
  /** Requests for each second and at once, of each token, or of each address where there is none. */
  readonly rate: number;
  readonly burst: number;
  readonly clock: Clock;
}

/** What of a request decides; nothing of it is checked yet. */
export interface Knock {
  readonly authorization: string | undefined;
  readonly host: string | undefined;
  /** Sec-Fetch-Site, which browsers send: where the page that asks is from. */
  readonly site?: string | undefined;
  /** Origin, which browsers send with what may change something: whose page asks. */
  readonly origin?: string | undefined;
  /** IP address. */
  readonly address: string;
}

/** Wrong tokens of one address: at once, and for each second. */
const guesses = { burst: 30, rate: 0.5 };

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #rate: RateLimit;
  readonly #guesses: RateLimit;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    const { clock, rate, burst } = options;
    this.#rate = new RateLimit({ clock, rate, burst });
    this.#guesses = new RateLimit({ clock, ...guesses });
  }

  /** Throws ApiError 401, 403 or 429. */
  admit(knock: Knock, due: RouteRole): Caller {
    if (due === 'open') return { id: anyone, role: 'open' };
    const caller = this.#caller(knock);
    const seconds = this.#rate.take(caller.id === anyone ? placeOf(knock.address) : caller.id);
    if (seconds > 0)
      throw tooMany(seconds, 'too many requests: slow down, or raise rest.requestRate');
    if (mayDo(caller.role, due)) return caller;
    throw new ApiError(
      403,
      'forbidden',
      `this token is of role ${caller.role}; ask with one of role ${due}`,
      'Authorization',
    );
  }

  /** Whether a caller that was let in may still. */
  stands({ id }: Caller): boolean {
    return id === anyone || id === 'rest.token' || this.#options.tokens.stands(id);
  }

  #caller({ authorization, host, site, origin, address: from }: Knock): Caller {
    const { token, strict } = this.#options;
    const address = placeOf(from);
    if (authorization === undefined && token === undefined && !strict) {
      return { id: anyone, role: roleWithout(host, site, origin) };
    }
    const [, given] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
    // What the eIM made cannot be guessed: others at this address, with a token of before, do not keep it out.
    const known = given === undefined ? undefined : this.#options.tokens.used(given);
    if (known !== undefined) return { id: known.id, role: known.role };
    const seconds = this.#guesses.wait(address);
    if (seconds > 0) throw tooMany(seconds, 'too many wrong tokens came from this address');
    if (given !== undefined && this.#isMaster(given)) return { id: 'rest.token', role: 'admin' };
    if (given !== undefined) this.#guesses.take(address);
    throw new ApiError(
      401,
      'unauthorized',
      given === undefined
        ? 'a bearer token is needed: rest.token, or one that POST /v1/tokens made'
        : 'this is no token of this eIM, or one that has expired or was deleted',
      'Authorization',
    );
  }

  #isMaster(given: string): boolean {
    const { token } = this.#options;
    return token !== undefined && timingSafeEqual(digest(given), digest(token));
  }
}

/** An IPv4 address, or the /64 of an IPv6 one: whoever has one has all of it. Some proxies name a port too. */
function placeOf(seen: string): string {
  const [, bracketed, dotted] = /^(?:\[([^\]]*)\]|([0-9]+\.[0-9.]+):)/.exec(seen) ?? [];
  const address = bracketed ?? dotted ?? seen;
  const [, four] = /^::ffff:([0-9.]+)$/i.exec(address) ?? [];
  if (four !== undefined || !address.includes(':')) return four ?? address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - rest.length);
  return [...groups, ...Array<string>(zeros).fill('0'), ...rest].slice(0, 4).join(':');
}

/** The Host header tells a program here from a page whose name was rebound to this address. Throws ApiError 403. */
function roleWithout(host = '', site = 'none', origin?: string): RouteRole {
  const name = host.replace(/:[0-9]+$/, '').replace(/^\[(.*)\]$/, '$1');
  if (!['none', 'same-origin'].includes(site)) {
    const complaint = 'a web page of elsewhere may ask nothing here: set rest.token';
    throw new ApiError(403, 'forbidden', complaint, 'Sec-Fetch-Site');
  }
  if (origin !== undefined && origin.replace(/^https?:\/\//, '') !== host) {
    // Browsers that send no Sec-Fetch-Site send this, or `null`, with a page's POST.
    const complaint = 'a web page of elsewhere may ask nothing here: set rest.token';
    throw new ApiError(403, 'forbidden', complaint, 'Origin');
  }
  if (isLoopback(name)) return 'admin';
  const complaint = 'ask for 127.0.0.1 or localhost, or set rest.token';
  throw new ApiError(403, 'forbidden', complaint, 'Host');
}

function tooMany(seconds: number, complaint: string): ApiError {
  return new ApiError(429, 'tooManyRequests', complaint, undefined, seconds);
}
