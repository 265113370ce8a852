/** Routes as they are asked for examples: what they took and what they answered is written down. */
import { ApiError } from '../api/errors.ts';
import { errorBody, refusalOf } from '../refusal.ts';
import { anyone, type Reply, type Route } from '../route.ts';

/** What one operation took and answered. */
export interface Example {
  /** Of those asks that were granted. */
  body?: unknown;
  readonly params: Record<string, string>;
  readonly query: Record<string, string>;
  readonly headers: Record<string, string>;
  /** By status and media type: JSON values, or texts. */
  readonly answers: Record<string, Record<string, unknown>>;
}

export interface Examples {
  readonly of: ReadonlyMap<Route['key'], Example>;
  /** The body of an answer that refuses. */
  readonly refusal: unknown;
}

/** What is asked of a route besides its key. */
export interface Ask {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Parts of a stream that are written down: a stream of all orders has no end. */
const mostParts = 2;

export class Asking implements Examples {
  readonly of = new Map<Route['key'], Example>();
  refusal: unknown;
  readonly #routes: ReadonlyMap<Route['key'], Route>;

  constructor(routes: readonly Route[]) {
    this.#routes = new Map(routes.map((route) => [route.key, route]));
  }

  /** Asks, and writes down what is granted, the first time of each status; gives the body that was answered. */
  async ask(key: Route['key'], ask: Ask = {}): Promise<unknown> {
    const { params = {}, query = {}, headers = {}, body } = ask;
    const route = this.#routes.get(key);
    if (route === undefined) throw new Error(`no route ${key}`);
    const known = this.of.get(key);
    const example = known ?? { params: {}, query: {}, headers: {}, answers: {} };
    const gone = new AbortController();
    const reply = await route.answer({
      params,
      query,
      body,
      header: (name) => headers[name],
      caller: { id: anyone, role: 'admin' },
      stands: () => true,
      signal: gone.signal,
    });
    const answered = await textOrJson(reply);
    gone.abort();
    this.of.set(key, example);
    example.body ??= body;
    note(example.params, params);
    note(example.query, query);
    note(example.headers, headers);
    if (reply.body !== undefined) {
      const type = reply.type ?? 'application/json';
      example.answers[reply.status] = { [type]: answered, ...example.answers[reply.status] };
    }
    return answered;
  }

  /** Asks what is refused, and writes the refusal down. */
  async refused(key: Route['key'], ask: Ask): Promise<void> {
    try {
      await this.ask(key, ask);
    } catch (error) {
      const refusal = refusalOf(error);
      if (!(refusal instanceof ApiError)) throw error;
      this.refusal = errorBody(refusal);
      return;
    }
    throw new Error(`${key} was not refused`);
  }
}

function note(known: Record<string, string>, given: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(given)) known[name] ??= value;
}

/** The body as a client would read it. */
async function textOrJson({ body, type }: Reply): Promise<unknown> {
  if (body === undefined) return undefined;
  if (isStream(body)) return beginning(body);
  return type === undefined ? JSON.parse(JSON.stringify(body)) : body;
}

function isStream(body: unknown): body is AsyncIterable<string> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
}

async function beginning(stream: AsyncIterable<string>): Promise<string> {
  let text = '';
  let parts = 0;
  for await (const part of stream) {
    text += part;
    if (++parts === mostParts) break;
  }
  return text;
}
