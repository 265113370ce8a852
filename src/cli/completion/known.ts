/** What the eIM knows, as candidates; an eIM that is away, slow or refuses knows nothing. */
import type { Client } from '../client.ts';
import { stepNames } from '../step-text.ts';
import type { Ask, Candidate, Kind } from './complete.ts';

/** Most rows of one answer; lists are asked page by page. */
const page = 1000;

interface Page {
  readonly candidates: readonly Candidate[];
  readonly next?: string | undefined;
}

type Pages = (client: Client, after: string | undefined) => Promise<Page>;

const pages: Readonly<Record<Exclude<Kind, 'iccid'>, Pages>> = {
  eid: async (client, after) => {
    const { euiccs, next } = await client.euiccs({ limit: page, after });
    const candidates = euiccs.map(({ eid, lastContact }) => ({
      value: eid,
      about: lastContact === undefined ? 'never seen' : `seen ${lastContact}`,
    }));
    return { candidates, next };
  },
  identity: async (client, after) => {
    const { devices, next } = await client.devices({ limit: page, after });
    const candidates = devices.map(({ identity, note, revoked }) => ({
      value: identity,
      about: revoked === undefined ? (note ?? '') : 'revoked',
    }));
    return { candidates, next };
  },
  order: async (client, after) => {
    const { orders, next } = await client.orders({ limit: page, after });
    const candidates = orders.map((order) => ({
      value: order.id,
      about: `${order.state} ${stepNames(order).join(' ')} ${order.eid}`,
    }));
    return { candidates, next };
  },
  connection: async (client, after) => {
    const { connections, next } = await client.connections({ limit: page, after });
    const candidates = connections.map(({ id, identity, credential, state }) => ({
      value: id,
      about: `${state} ${identity ?? credential}`,
    }));
    return { candidates, next };
  },
  notification: async (client, after) => {
    const { notifications, next } = await client.notifications({ limit: page, after });
    const candidates = notifications.map(({ id, operation, state }) => ({
      value: id,
      about: `${state} ${operation}`,
    }));
    return { candidates, next };
  },
  token: async (client) => {
    const { tokens } = await client.tokens();
    return {
      candidates: tokens.map(({ id, name, role }) => ({ value: id, about: `${name} ${role}` })),
    };
  },
};

/** Most candidates that anyone would look through. */
const most = 2000;

/** Asks the eIM; the client's own signal ends what takes too long, with what has come until then. */
export function asking(makeClient: () => Client): Ask {
  return async ({ kind, prefix, eid }) => {
    const found: Candidate[] = [];
    const next = kind === 'iccid' ? iccids(eid) : pages[kind];
    let after: string | undefined;
    try {
      const client = makeClient();
      do {
        const { candidates, next: following } = await next(client, after);
        found.push(...candidates.filter(({ value }) => value.startsWith(prefix)));
        after = following;
      } while (after !== undefined && found.length < most);
    } catch {
      // Nobody wants a complaint in the middle of a line.
    }
    return found;
  };
}

function iccids(eid: string | undefined): Pages {
  return async (client, after) => {
    const { profiles, next } = await client.profiles({ eid, limit: page, after });
    const candidates = profiles.map(({ iccid, state, nickname, name }) => ({
      value: iccid,
      about: [state, nickname ?? name].filter((one) => one !== undefined).join(' '),
    }));
    return { candidates, next };
  };
}
