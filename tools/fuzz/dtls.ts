/**
 * Mutated and random datagrams at a DTLS server with live connections. A round is one server and one seed: clients
 * connect, a few hundred datagrams are thrown, then the clients must still be there, and when they leave, nothing of
 * anybody may be left.
 */
import type { Address } from '../../src/base/address.ts';
import { concat, toHex, utf8 } from '../../src/base/bytes.ts';
import { cipherSuites } from '../../src/dtls/cipher-suites.ts';
import { ContentType, encodeRecord } from '../../src/dtls/record.ts';
import { psk } from '../../test/dtls/support/bench.ts';
import { RawClient } from '../../test/dtls/support/raw-client.ts';
import { seededNumbers } from '../lab/link/seeded.ts';
import { type Live, World } from './dtls-world.ts';
import { Chance, mutate } from './mutate.ts';

/** What a round may not do. The message says what was thrown and how to throw it again. */
export class FuzzFailure extends Error {
  override readonly name = 'FuzzFailure';
}

export interface FuzzedRound {
  readonly datagrams: number;
  /** What they were and whence: the same for the same seed, though keys and signatures are not. */
  readonly thrown: readonly string[];
  readonly drops: Readonly<Record<string, number>>;
}

/** Datagrams thrown in a round. */
const throws = 250;
/** Long enough for every handshake to be given up and every last flight to be forgotten. */
const longAfter = 10 * 60_000;

const types = [...Object.values(ContentType), 24, 25, 26, 0, 255];

interface Round {
  readonly chance: Chance;
  readonly world: World;
  /** Whose connections must stay, and whose keys we have: no alert that ends one is sealed for them. */
  readonly kept: readonly Kept[];
  /** Whose connection may end as it likes. */
  readonly spent: Kept;
  /** With a handshake under way. */
  readonly halfOpen: Kept[];
}

interface Kept {
  readonly client: RawClient;
  readonly address: Address;
}

/** Throws FuzzFailure. `meddle` is called before each datagram: a test may break something. */
export async function fuzzDtls(
  seed: number,
  meddle: (world: World, step: number) => void = () => {},
): Promise<FuzzedRound> {
  const chance = new Chance(seededNumbers(seed));
  const world = new World();
  const alarms = world.clock.pending;
  const withPsk = { type: 'psk', ...psk } as const;
  const connectionId = { own: Uint8Array.of(0xc1, 0xd0) };
  const { client } = await world.join(withPsk, seed);
  const { session } = client;
  await world.join(withPsk, seed + 1, { connectionId, tickets: true });
  await world.join({ type: 'certificate', trust: () => {} }, seed + 2, { connectionId });
  await world.join(withPsk, seed + 3, session === undefined ? {} : { resume: session });
  const raw = (port: number): Kept => {
    const address = { address: '198.51.100.1', port };
    const client = world.rawClient({ seed: chance.below(1e9), from: address }).connect();
    return { client, address };
  };
  const round: Round = {
    chance,
    world,
    kept: [raw(1), raw(2)],
    spent: raw(3),
    halfOpen: [],
  };
  const connections = world.opened.length;
  const ours = new Set(world.opened.slice(0, -1).map(({ id }) => id));

  const thrown: string[] = [];
  for (let step = 0; step < throws; step++) {
    meddle(world, step);
    const { octets, from, what } = next(round);
    thrown.push(`${what} from ${from.address} port ${from.port}`);
    const hold = (held: boolean, complaint: string) => {
      if (held) return;
      throw new FuzzFailure(
        `${complaint}\nafter datagram ${step} (${what} from ${from.address} port ${from.port}): ${toHex(octets)}\nseed ${seed}`,
      );
    };
    try {
      world.say(octets, from);
    } catch (error) {
      hold(false, `thrown: ${error instanceof Error ? error.stack : String(error)}`);
    }
    hold(world.errors().length === 0, `our fault: ${JSON.stringify(world.errors())}`);
    hold(world.opened.length === connections, 'somebody got in');
    hold(!world.closed.some(([{ id }]) => ours.has(id)), 'a live connection was lost');
    if (chance.happens(0.04)) talk(world, chance.of(world.live), seed);
    if (chance.happens(0.03)) await world.turn(chance.below(4000));
  }

  checkAlive(world, round, seed);
  await checkNothingLeft(world, alarms, seed);
  return { datagrams: throws, thrown, drops: world.drops.all() };
}

/** Each live connection carries data both ways. */
function checkAlive(world: World, { kept }: Round, seed: number): void {
  for (const live of world.live) talk(world, live, seed);
  for (const { client, address } of kept) {
    const before = world.delivered.length;
    client.say(client.data('up'));
    if (world.delivered.length !== before + 1) {
      throw new FuzzFailure(`port ${address.port}: nothing was delivered\nseed ${seed}`);
    }
  }
}

/** A live connection carries data both ways, and the answer goes where its client is. */
function talk(world: World, { client, address, heard, ended }: Live, seed: number): void {
  const fail = (what: string) => new FuzzFailure(`port ${address.port}: ${what}\nseed ${seed}`);
  if (ended.length > 0) throw fail(`the client ended: ${ended}`);
  const before = world.delivered.length;
  client.send(utf8('up'));
  world.pump();
  const [peer] = world.delivered[before] ?? [];
  if (peer === undefined) throw fail('nothing was delivered');
  const had = heard.length;
  peer.send(utf8('down'));
  world.pump();
  if (heard.length !== had + 1) throw fail('nothing came back');
}

async function checkNothingLeft(world: World, alarms: number, seed: number): Promise<void> {
  for (const { client } of world.live) client.close();
  world.pump();
  for (const client of world.raw) {
    // Handshakes that never came to keys run out by themselves.
    if (client.hasKeys) client.say(client.sealed(ContentType.alert, Uint8Array.of(1, 0)));
  }
  await world.turn(longAfter);
  const left = Object.entries(world.server.size).filter(([, count]) => count !== 0);
  if (left.length > 0) throw new FuzzFailure(`left: ${JSON.stringify(left)}\nseed ${seed}`);
  if (world.clock.pending > alarms) {
    throw new FuzzFailure(`${world.clock.pending - alarms} alarms are left\nseed ${seed}`);
  }
}

interface Thrown {
  readonly octets: Uint8Array;
  readonly from: Address;
  readonly what: string;
}

function next(round: Round): Thrown {
  const { chance, world } = round;
  const from = somewhere(round);
  const seen = () => chance.of(world.seen);
  switch (chance.below(14)) {
    case 0:
      return { octets: chance.octets(chance.below(200)), from, what: 'noise' };
    case 1:
      return { octets: someRecord(chance), from, what: 'a record' };
    case 2:
      return { octets: seen().octets, from, what: 'a replay' };
    case 3:
    case 4:
      return {
        octets: mutate(chance, seen().octets, seen().octets),
        from,
        what: 'a mutated replay',
      };
    case 5: {
      const { octets, at } = seen();
      const what = 'a mutated replay at its own address';
      return { octets: mutate(chance, octets, seen().octets), from: at, what };
    }
    case 11:
    case 12:
      return strangeHello(round);
    case 6:
      return handshake(round);
    case 7:
    case 8: {
      const { client, address } = chance.of(round.kept);
      return { octets: harmless(chance, client), from: address, what: 'sealed' };
    }
    case 9: {
      const { client } = chance.of([...round.kept, round.spent]);
      const octets = mutate(chance, harmless(chance, client), seen().octets);
      return { octets, from, what: 'sealed, then mutated' };
    }
    case 10: {
      const { client, address } = round.spent;
      const plaintext = chance.octets(chance.below(40));
      return { octets: client.sealed(someType(chance), plaintext), from: address, what: 'sealed' };
    }
    default:
      return flight5(round);
  }
}

/** The same octets but for one. */
function mutateOne(chance: Chance, octets: Uint8Array): Uint8Array {
  const at = chance.below(octets.length);
  const other = 1 + chance.below(255);
  return octets.map((octet, i) => (i === at ? octet ^ other : octet));
}

/** A live connection's address, one with a handshake under way, or nobody's. */
function somewhere({ chance, world, kept, halfOpen, spent }: Round): Address {
  const live: readonly { readonly address: Address }[] = world.live satisfies readonly Live[];
  const known = [...live, ...kept, ...halfOpen, spent];
  if (chance.happens(0.7)) return chance.of(known).address;
  return { address: `203.0.113.${chance.below(4)}`, port: 1 + chance.below(9) };
}

function someType(chance: Chance): ContentType {
  return chance.of(types) as ContentType;
}

function someRecord(chance: Chance): Uint8Array {
  const header = {
    type: someType(chance),
    version: chance.of([0xfefd, 0xfeff, 0x0303]),
    epoch: chance.of([0, 0, 1, 1, 2, 0xffff]),
    sequence: chance.of([0, 1, 5, 64, 1000, 2 ** 48 - 1]),
  };
  return encodeRecord(header, chance.octets(chance.below(120)));
}

/** Something well sealed that no connection ends by: not a fatal alert, nor close_notify. */
function harmless(chance: Chance, client: RawClient): Uint8Array {
  const type = someType(chance);
  const plaintext = chance.octets(chance.below(60));
  if (type === ContentType.alert && plaintext.length > 1) {
    plaintext[0] = 1;
    plaintext[1] = 1 + chance.below(255);
  }
  // As a handshake message: a header that says something.
  if (type === ContentType.handshake && chance.happens(0.5)) {
    plaintext.set([chance.of([0, 1, 2, 11, 14, 16, 20]), 0, 0].slice(0, plaintext.length));
  }
  return client.sealed(type, plaintext);
}

/** Extensions that there are, GREASE and one that nobody knows. */
const extensionTypes = [
  0, 1, 10, 11, 13, 15, 16, 19, 20, 21, 22, 23, 28, 35, 41, 43, 51, 53, 54, 254, 0x0a0a, 0xff01,
  0x1234,
];

/** A hello that says strange things, under a cookie that is right. */
function strangeHello({ chance, world }: Round): Thrown {
  const address = { address: '203.0.113.7', port: 1 + chance.below(20) };
  const suites = Object.values(cipherSuites).map(({ id }) => id);
  const client = new RawClient(world, {
    seed: chance.below(1e9),
    from: address,
    hello: {
      cipherSuites: Array.from({ length: 1 + chance.below(6) }, () => chance.of(suites)),
      sessionId: chance.octets(chance.of([0, 0, 1, 31, 32])),
      extensions: Array.from({ length: chance.below(6) }, () => ({
        type: chance.of(extensionTypes),
        data: strangeData(chance),
      })),
    },
  });
  client.takeCookie(client.say(client.helloRecord(0, 0)));
  const octets = client.helloRecord(1, 1);
  return { octets, from: address, what: 'a strange hello' };
}

/** Often with a length in front that fits. */
function strangeData(chance: Chance): Uint8Array {
  const octets = chance.octets(chance.below(12));
  switch (chance.below(4)) {
    case 0:
      return octets;
    case 1:
      return concat(Uint8Array.of(octets.length), octets);
    case 2:
      return concat(Uint8Array.of(0, octets.length), octets);
    default:
      return concat(
        Uint8Array.of(0, 2 * octets.length),
        Uint8Array.from([...octets].flatMap((octet) => [0, octet % 32])),
      );
  }
}

/** A stranger that knows the key begins a handshake, and then goes wrong. */
function handshake(round: Round): Thrown {
  const { chance, world, halfOpen } = round;
  const address = { address: '203.0.113.9', port: 1 + halfOpen.length };
  const client = world.rawClient({ seed: chance.below(1e9), from: address });
  client.begin();
  halfOpen.push({ client, address });
  return flight5(round);
}

/** Flight 5 of a handshake under way, mutated: never the right one. */
function flight5({ chance, world, halfOpen }: Round): Thrown {
  if (halfOpen.length === 0) {
    return {
      octets: someRecord(chance),
      from: { address: '203.0.113.8', port: 1 },
      what: 'a record',
    };
  }
  const { client, address } = chance.of(halfOpen);
  const wrong = mutateOne(chance, client.finished.body);
  const parts = [client.exchangeRecord(), client.changeCipherSpec(), client.finishedRecord(wrong)];
  const octets = chance.happens(0.3)
    ? concat(...parts)
    : mutate(chance, concat(...parts), chance.of(world.seen).octets);
  return { octets, from: address, what: 'a wrong flight 5' };
}
