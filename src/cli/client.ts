/** The eIM's REST API /v1 as calls. Every failure is a CliError that says what to do. */

import type { ConnectionList, ConnectionView } from '../rest/api/connections.ts';
import type {
  DeviceAddition,
  DeviceBatchView,
  DeviceChange,
  DeviceList,
  DeviceView,
  NewDeviceView,
} from '../rest/api/devices.ts';
import type { ApiErrorCode } from '../rest/api/errors.ts';
import type { EuiccChange, EuiccList, EuiccView } from '../rest/api/euiccs.ts';
import type { InfoView } from '../rest/api/info.ts';
import type {
  NotificationList,
  NotificationRetryView,
  NotificationView,
} from '../rest/api/notifications.ts';
import type { OrderBatchView, OrderList, OrderView } from '../rest/api/orders.ts';
import type { ProfileList } from '../rest/api/profiles.ts';
import type { QuirkOverview, QuirksOfEuicc } from '../rest/api/quirks.ts';
import type { ReloadView } from '../rest/api/running.ts';
import type { NewTokenView, TokenAddition, TokenList } from '../rest/api/tokens.ts';
import { CliError, ExitCode } from './exit.ts';
import { type ServerSentEvent, serverSentEvents } from './server-sent-events.ts';

export interface ClientOptions {
  /** `http://127.0.0.1:8080`, or https. */
  readonly url: string;
  readonly token?: string | undefined;
  /** Ends every request. */
  readonly signal?: AbortSignal | undefined;
}

/** An order as it is posted: checked before with OrderSubmission. */
export interface PostedOrder {
  readonly eid: string;
  readonly steps: readonly unknown[];
  readonly push?: boolean;
}

export interface PostedOrders {
  readonly orders: readonly (PostedOrder & { readonly idempotencyKey: string })[];
  readonly dryRun: boolean;
}

/** Events from a place on. */
export interface EventStart {
  /** Of one order. */
  readonly order?: string | undefined;
  /** Of the orders of one eUICC. */
  readonly eid?: string | undefined;
  /** The id of the last event that is known. */
  readonly after?: string | undefined;
}

export interface PostedBatch {
  readonly devices: readonly DeviceAddition[];
  readonly dryRun: boolean;
  readonly replace: boolean;
}

export interface PostedRotation {
  /** Hex. */
  readonly key?: string;
  readonly dropOld?: boolean;
}

interface Request {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
}

export class Client {
  readonly #url: string;
  readonly #token: string | undefined;
  readonly #signal: AbortSignal | undefined;

  /** Throws CliError where the URL is none. */
  constructor(options: ClientOptions) {
    if (!/^https?:\/\/[^/]/.test(options.url) || !URL.canParse(options.url)) {
      throw new CliError(
        ExitCode.badInput,
        `'${options.url}' is not the URL of an eIM`,
        'write it as http://127.0.0.1:8080 (--url or EIM_URL)',
      );
    }
    this.#url = options.url.replace(/\/+$/, '');
    this.#token = options.token;
    this.#signal = options.signal;
  }

  /** Whether an eIM answers there, whoever asks. */
  async isAlive(): Promise<boolean> {
    try {
      const response = await this.#send('/healthz', {}, AbortSignal.timeout(2000));
      return response.ok;
    } catch {
      // Nobody there, or not in time: an answer all the same.
      return false;
    }
  }

  reload(): Promise<ReloadView> {
    return this.#ask('/v1/reload', { method: 'POST' });
  }

  info(query: Request['query'] = {}): Promise<InfoView> {
    return this.#ask('/v1/info', { query });
  }

  submit(order: PostedOrder): Promise<OrderView> {
    return this.#ask('/v1/orders', { method: 'POST', body: order });
  }

  submitAll(batch: PostedOrders): Promise<OrderBatchView> {
    return this.#ask('/v1/orders/batch', { method: 'POST', body: batch });
  }

  /** Events as they happen, until the eIM ends the stream or the signal does; `end` where there will be no more. */
  async *events(
    { order, eid, after }: EventStart,
    signal: AbortSignal,
  ): AsyncGenerator<ServerSentEvent> {
    const path =
      order === undefined ? '/v1/events' : `/v1/orders/${encodeURIComponent(order)}/events`;
    const headers = {
      accept: 'text/event-stream',
      ...(after === undefined ? {} : { 'last-event-id': after }),
    };
    const response = await this.#send(path, { query: { eid }, headers }, signal);
    if (!response.ok) throw this.#refused(response.status, await readJson(response));
    if (response.status === 204) {
      yield { id: '', type: 'end', data: '' };
      return;
    }
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
    if (response.body === null || !isStream) throw this.#noEim();
    yield* serverSentEvents(response.body);
  }

  orders(query: Request['query'] = {}): Promise<OrderList> {
    return this.#ask('/v1/orders', { query });
  }

  order(id: string): Promise<OrderView> {
    return this.#ask(`/v1/orders/${encodeURIComponent(id)}`);
  }

  /** The order once its version is another than `since`, or it is done, or the seconds are over. */
  changedOrder(id: string, since: string, seconds: number): Promise<OrderView> {
    return this.#ask(`/v1/orders/${encodeURIComponent(id)}`, { query: { wait: seconds, since } });
  }

  cancel(id: string): Promise<OrderView> {
    return this.#ask(`/v1/orders/${encodeURIComponent(id)}/cancel`, { method: 'POST' });
  }

  addDevice(device: DeviceAddition): Promise<NewDeviceView> {
    return this.#ask('/v1/devices', { method: 'POST', body: device });
  }

  addDevices(batch: PostedBatch): Promise<DeviceBatchView> {
    return this.#ask('/v1/devices/batch', { method: 'POST', body: batch });
  }

  devices(query: Request['query'] = {}): Promise<DeviceList> {
    return this.#ask('/v1/devices', { query });
  }

  rotateDevice(identity: string, rotation: PostedRotation): Promise<NewDeviceView> {
    const path = `/v1/devices/${encodeURIComponent(identity)}/rotate`;
    return this.#ask(path, { method: 'POST', body: rotation });
  }

  revokeDevice(identity: string): Promise<DeviceView> {
    return this.#ask(`/v1/devices/${encodeURIComponent(identity)}/revoke`, { method: 'POST' });
  }

  device(identity: string): Promise<DeviceView> {
    return this.#ask(`/v1/devices/${encodeURIComponent(identity)}`);
  }

  changeDevice(identity: string, change: DeviceChange): Promise<DeviceView> {
    const path = `/v1/devices/${encodeURIComponent(identity)}`;
    return this.#ask(path, { method: 'PATCH', body: change });
  }

  removeDevice(identity: string): Promise<void> {
    return this.#ask(`/v1/devices/${encodeURIComponent(identity)}`, { method: 'DELETE' });
  }

  euiccs(query: Request['query'] = {}): Promise<EuiccList> {
    return this.#ask('/v1/euiccs', { query });
  }

  euicc(eid: string): Promise<EuiccView> {
    return this.#ask(`/v1/euiccs/${encodeURIComponent(eid)}`);
  }

  changeEuicc(eid: string, change: EuiccChange): Promise<EuiccView> {
    return this.#ask(`/v1/euiccs/${encodeURIComponent(eid)}`, { method: 'PATCH', body: change });
  }

  quirks(): Promise<QuirkOverview> {
    return this.#ask('/v1/quirks');
  }

  quirksOf(eid: string): Promise<QuirksOfEuicc> {
    return this.#ask(`/v1/euiccs/${encodeURIComponent(eid)}/quirks`);
  }

  profiles(query: Request['query'] = {}): Promise<ProfileList> {
    return this.#ask('/v1/profiles', { query });
  }

  tokens(query: Request['query'] = {}): Promise<TokenList> {
    return this.#ask('/v1/tokens', { query });
  }

  createToken(token: TokenAddition): Promise<NewTokenView> {
    return this.#ask('/v1/tokens', { method: 'POST', body: token });
  }

  revokeToken(id: string): Promise<void> {
    return this.#ask(`/v1/tokens/${encodeURIComponent(id)}`, { method: 'DELETE' });
  }

  connections(query: Request['query'] = {}): Promise<ConnectionList> {
    return this.#ask('/v1/dtls', { query });
  }

  connection(id: string): Promise<ConnectionView> {
    return this.#ask(`/v1/dtls/${encodeURIComponent(id)}`);
  }

  closeConnection(id: string): Promise<void> {
    return this.#ask(`/v1/dtls/${encodeURIComponent(id)}`, { method: 'DELETE' });
  }

  notifications(query: Request['query'] = {}): Promise<NotificationList> {
    return this.#ask('/v1/notifications', { query });
  }

  notification(id: string): Promise<NotificationView> {
    return this.#ask(`/v1/notifications/${encodeURIComponent(id)}`);
  }

  retryNotification(id: string): Promise<NotificationRetryView> {
    return this.#ask(`/v1/notifications/${encodeURIComponent(id)}/retry`, { method: 'POST' });
  }

  dropNotification(id: string): Promise<void> {
    return this.#ask(`/v1/notifications/${encodeURIComponent(id)}`, { method: 'DELETE' });
  }

  /** The eIM is believed to answer in the shape that rest/api/ states: both are of one version. */
  async #ask<Answer>(path: string, request: Request = {}): Promise<Answer> {
    const response = await this.#send(path, request);
    const body = await readJson(response);
    if (response.ok) {
      if (response.status !== 204 && body === undefined) throw this.#noEim();
      return body as Answer;
    }
    throw this.#refused(response.status, body);
  }

  async #send(
    path: string,
    { method = 'GET', body, query = {}, headers: more = {} }: Request,
    signal = this.#signal,
  ): Promise<Response> {
    const url = new URL(this.#url + path);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const headers = new Headers({ accept: 'application/json', ...more });
    if (this.#token !== undefined) headers.set('authorization', `Bearer ${this.#token}`);
    if (body !== undefined) headers.set('content-type', 'application/json');
    try {
      return await fetch(url, {
        method,
        headers,
        redirect: 'error',
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (cause) {
      signal?.throwIfAborted();
      throw new CliError(
        ExitCode.unreachable,
        `the eIM at ${this.#url} cannot be reached (${why(cause)})`,
        unreachableHint(why(cause)),
        { cause },
      );
    }
  }

  #refused(status: number, body: unknown): CliError {
    const error = member(body, 'error');
    const code = member(error, 'code') as ApiErrorCode | undefined;
    const message = member(error, 'message');
    if (typeof message !== 'string') return this.#noEim();
    const field = member(error, 'field');
    const complaint = typeof field === 'string' ? `${field}: ${message}` : message;
    switch (code) {
      case 'unauthorized':
        return new CliError(
          ExitCode.notAllowed,
          complaint,
          this.#token === undefined
            ? "give the eIM's token (its setting rest.token, or one of eim token create) with --token or EIM_TOKEN"
            : 'the eIM does not know this token, or it is past its time: look at --token, EIM_TOKEN and rest.token',
        );
      case 'forbidden':
        return new CliError(
          ExitCode.notAllowed,
          complaint,
          this.#token === undefined
            ? undefined
            : 'ask for a token with a higher role (eim token create)',
        );
      case 'notFound':
        return new CliError(ExitCode.badInput, complaint, whereListed(message));
      case 'badInput':
      case 'tooLarge':
        return new CliError(ExitCode.badInput, complaint);
      case 'conflict':
        if (field !== 'identity') return new CliError(ExitCode.failed, complaint);
        return new CliError(
          ExitCode.badInput,
          complaint,
          'give another --identity, or let the old one go first: eim device remove …',
        );
      case 'busy':
        return new CliError(ExitCode.failed, complaint, 'try again later');
      default:
        return new CliError(ExitCode.failed, `${complaint} (HTTP ${status})`);
    }
  }

  #noEim(): CliError {
    return new CliError(
      ExitCode.unreachable,
      `what answers at ${this.#url} is no eIM`,
      'name the right address with --url or EIM_URL',
    );
  }
}

/** Where what the eIM knows not is listed, by the words in which it says so. */
function whereListed(message: string): string | undefined {
  const [, what = ''] = /^there is no ([A-Za-z]+) /.exec(message) ?? [];
  return lists[what];
}

const lists: Readonly<Record<string, string>> = {
  order: 'those that are known, done ones for as long as orders.expired says: eim order list',
  device: 'those that were added: eim device list',
  eUICC:
    'one is known from its first order on, or with a device that is bound to it: eim euicc list',
  connection: 'those that are open: eim dtls list',
  notification: 'those that wait: eim notification list',
  token: 'those that were made: eim token list',
};

async function readJson(response: Response): Promise<unknown> {
  try {
    const text = await response.text();
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    // Cut off or not JSON: whoever answers so is judged by the caller.
    return undefined;
  }
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

/** What to do where there is no connection, by what the system says. */
function unreachableHint(reason: string): string {
  if (/CERT|SIGNED|ALTNAME/.test(reason)) {
    return "its TLS certificate is not trusted: name its CA with NODE_EXTRA_CA_CERTS=<file>, or correct the host's name";
  }
  if (/ENOTFOUND|EAI_AGAIN/.test(reason)) return 'no such host: look at --url or EIM_URL';
  return 'start it with `eim serve`, or name another with --url or EIM_URL';
}

/** fetch hides the reason in its cause. */
function why(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = member(cause, 'code');
  if (typeof code === 'string') return code;
  return cause instanceof Error ? cause.message : String(cause);
}
