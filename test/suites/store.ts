/** What every store must do. A store's own test file calls this with a way to open an empty one. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { put, remove, type Store, StoreError, table } from '../../src/store/store.ts';

const things = table<unknown>('things');
const others = table<unknown>('things-other');

export function storeSuite(name: string, open: () => Promise<Store>): void {
  describe(name, () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(async () => {
      await store.close();
    });

    const keys = async (options?: Parameters<Store['list']>[1]): Promise<string[]> =>
      (await store.list(things, options)).map(([key]) => key);

    describe('rows', () => {
      it('come back as they were put', async () => {
        const row = {
          text: 'ü\u0000\ud83d\ude00\ud800',
          number: -1.5,
          big: Number.MAX_SAFE_INTEGER,
          yes: true,
          none: null,
          list: [1, [2, {}], 'three'],
          inner: { '': 0, $: 'AQID', $$: 1, $bytes: [] },
        };
        await store.commit([put(things, 'a', row)]);
        assert.deepEqual(await store.get(things, 'a'), row);
      });

      it('hold bytes', async () => {
        const all = Uint8Array.from({ length: 256 }, (_, i) => i);
        await store.commit([
          put(things, 'a', { all, empty: new Uint8Array(), deep: [{ all }] }),
          put(things, 'b', all),
          put(things, 'c', Buffer.from('buffer')),
        ]);
        assert.deepEqual(await store.get(things, 'a'), {
          all,
          empty: new Uint8Array(),
          deep: [{ all }],
        });
        assert.deepEqual(await store.get(things, 'b'), all);
        assert.deepEqual(await store.get(things, 'c'), new Uint8Array(Buffer.from('buffer')));
      });

      it('lose members that are undefined and keep a member called __proto__', async () => {
        const row = { ...JSON.parse('{"__proto__":{"x":1}}'), gone: undefined, here: 1 };
        Object.defineProperty(row, '__proto__', { value: { x: 1 }, enumerable: true });
        await store.commit([put(things, 'a', row)]);
        const back = await store.get(things, 'a');
        assert.deepEqual(Object.keys(back ?? {}).sort(), ['__proto__', 'here']);
      });

      it('of any JSON, with bytes in it, come back', async () => {
        const bytes = fc.uint8Array({ maxLength: 40 });
        const { row } = fc.letrec((tie) => ({
          row: fc.oneof(
            { maxDepth: 3 },
            fc.jsonValue({ maxDepth: 2 }),
            bytes,
            fc.array(tie('row'), { maxLength: 4 }),
            fc.dictionary(fc.string(), tie('row'), { maxKeys: 4, noNullPrototype: true }),
          ),
        }));
        await fc.assert(
          fc.asyncProperty(row, async (value) => {
            await store.commit([put(things, 'a', value)]);
            // JSON has no -0, and fast-check's dictionaries may lack a prototype: compare what counts.
            assert.deepEqual(await store.get(things, 'a'), withoutMinusZero(value));
          }),
          { numRuns: 50 },
        );
      });

      it('are those of the moment of the commit', async () => {
        const row = { list: [1] };
        const committed = store.commit([put(things, 'a', row)]);
        row.list.push(2);
        await committed;
        assert.deepEqual(await store.get(things, 'a'), { list: [1] });
      });

      it('are copies, each time they are read', async () => {
        await store.commit([put(things, 'a', { bytes: Uint8Array.of(1) })]);
        const first = (await store.get(things, 'a')) as { bytes: Uint8Array };
        first.bytes[0] = 9;
        assert.deepEqual(await store.get(things, 'a'), { bytes: Uint8Array.of(1) });
      });

      for (const [what, row] of [
        ['a function', { run: () => 1 }],
        ['NaN', { number: Number.NaN }],
        ['a Date', { date: new Date(0) }],
        ['a Map', new Map()],
        ['undefined in a list', [undefined]],
        ['a bigint', 1n],
      ] as const) {
        it(`cannot hold ${what}`, async () => {
          await assert.rejects(
            store.commit([put(things, 'a', 1), put(things, 'b', row)]),
            TypeError,
          );
          assert.equal(await store.get(things, 'a'), undefined);
        });
      }

      it('cannot be nested without end', async () => {
        let row: unknown = 1;
        for (let i = 0; i < 100_000; i++) row = [row];
        await assert.rejects(store.commit([put(things, 'a', row)]), TypeError);
      });
    });

    describe('commits', () => {
      it('put, replace and delete', async () => {
        await store.commit([put(things, 'a', 1), put(things, 'b', 1)]);
        await store.commit([put(things, 'a', 2), remove(things, 'b'), remove(things, 'never')]);
        assert.deepEqual(await store.list(things), [['a', 2]]);
        assert.equal(await store.get(things, 'b'), undefined);
      });

      it('apply their changes in order', async () => {
        await store.commit([put(things, 'a', 1), remove(things, 'a'), put(things, 'a', 3)]);
        assert.equal(await store.get(things, 'a'), 3);
      });

      it('make no change where one cannot be made', async () => {
        await store.commit([put(things, 'a', 1)]);
        await assert.rejects(
          store.commit([remove(things, 'a'), put(things, '\ud800', 1)]),
          TypeError,
        );
        assert.equal(await store.get(things, 'a'), 1);
      });

      it('of nothing are done', async () => {
        await store.commit([]);
        assert.deepEqual(await store.list(things), []);
      });

      it('at the same time all arrive, the later over the earlier', async () => {
        const numbers = Array.from({ length: 200 }, (_, i) => i);
        await Promise.all(
          numbers.map((i) => store.commit([put(things, `k${i}`, i), put(things, 'last', i)])),
        );
        assert.equal((await store.list(things, { prefix: 'k' })).length, 200);
        assert.equal(await store.get(things, 'last'), 199);
      });

      it('that do not wait for the disk are in their order among those that do', async () => {
        const numbers = Array.from({ length: 20 }, (_, i) => i);
        await Promise.all(
          numbers.map((i) =>
            store.commit([put(things, `k${i}`, i), put(things, 'last', i)], { synced: i % 3 > 0 }),
          ),
        );
        assert.equal((await store.list(things, { prefix: 'k' })).length, 20);
        assert.equal(await store.get(things, 'last'), 19);
        await store.commit([put(things, 'last', 'later')], { synced: false });
        assert.equal(await store.get(things, 'last'), 'later');
      });

      it('at the same time do not fail for another', async () => {
        const ends = await Promise.allSettled([
          store.commit([put(things, 'a', 1)]),
          store.commit([put(things, 'b', Number.NaN)]),
          store.commit([put(things, 'c', 1)]),
        ]);
        assert.deepEqual(
          ends.map((end) => end.status),
          ['fulfilled', 'rejected', 'fulfilled'],
        );
        assert.deepEqual(await keys(), ['a', 'c']);
      });
    });

    describe('lists', () => {
      it('are in the order of the octets of UTF-8, not of UTF-16', async () => {
        const all = [
          '',
          '\u0000',
          ' ',
          '!',
          '0',
          'a',
          'a\u0000',
          'ab',
          'b',
          'é',
          '\uff5e',
          '\u{1f600}',
        ];
        await store.commit([...all].reverse().map((key) => put(things, key, key)));
        assert.deepEqual(await keys(), all);
        assert.deepEqual(await keys({ reverse: true }), [...all].reverse());
        assert.deepEqual(
          [...all].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
          all,
        );
      });

      it('of any keys are in order, whatever the page', async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.uniqueArray(fc.string({ unit: 'binary', maxLength: 6 }), { maxLength: 12 }),
            fc.integer({ min: 1, max: 5 }),
            async (some, limit) => {
              await store.commit((await keys()).map((key) => remove(things, key)));
              await store.commit(some.map((key) => put(things, key, key)));
              const sorted = [...some].sort((a, b) =>
                Buffer.compare(Buffer.from(a), Buffer.from(b)),
              );
              for (const reverse of [false, true]) {
                const paged: string[] = [];
                for (;;) {
                  const after = paged.at(-1);
                  const page = await keys({
                    limit,
                    reverse,
                    ...(after === undefined ? {} : { after }),
                  });
                  paged.push(...page);
                  if (page.length < limit) break;
                }
                assert.deepEqual(paged, reverse ? [...sorted].reverse() : sorted);
              }
            },
          ),
          { numRuns: 25 },
        );
      });

      it('keep tables apart, also those whose names begin alike', async () => {
        await store.commit([put(things, 'a', 1), put(others, 'a', 2), put(others, 'b', 2)]);
        assert.deepEqual(await store.list(things), [['a', 1]]);
        assert.deepEqual(await store.list(others), [
          ['a', 2],
          ['b', 2],
        ]);
        assert.equal(await store.get(things, 'b'), undefined);
      });

      describe('of a/1, a/2, a/3, aa, b', () => {
        beforeEach(async () => {
          await store.commit(['a/1', 'a/2', 'a/3', 'aa', 'b'].map((key) => put(things, key, key)));
        });

        for (const [options, due] of [
          [{ prefix: 'a/' }, ['a/1', 'a/2', 'a/3']],
          [{ prefix: 'a' }, ['a/1', 'a/2', 'a/3', 'aa']],
          [{ prefix: 'c' }, []],
          [{ prefix: 'a/', reverse: true }, ['a/3', 'a/2', 'a/1']],
          [{ after: 'a/2' }, ['a/3', 'aa', 'b']],
          [{ after: 'a/25' }, ['a/3', 'aa', 'b']],
          [{ after: 'a/2', reverse: true }, ['a/1']],
          [{ after: 'b' }, []],
          [{ after: 'a/1', reverse: true }, []],
          [{ prefix: 'a/', after: 'a/1' }, ['a/2', 'a/3']],
          [{ prefix: 'a/', after: 'a' }, ['a/1', 'a/2', 'a/3']],
          [{ prefix: 'a/', after: 'b' }, []],
          [{ prefix: 'a/', after: 'b', reverse: true }, ['a/3', 'a/2', 'a/1']],
          [{ prefix: 'a/', after: 'a', reverse: true }, []],
          [{ limit: 2 }, ['a/1', 'a/2']],
          [{ limit: 2, reverse: true }, ['b', 'aa']],
          [{ limit: 0 }, []],
          [{ limit: 99 }, ['a/1', 'a/2', 'a/3', 'aa', 'b']],
          [{ prefix: 'a/', after: 'a/1', limit: 1 }, ['a/2']],
        ] as const) {
          it(`${JSON.stringify(options)} gives ${due.join(' ') || 'nothing'}`, async () => {
            assert.deepEqual(await keys(options), due);
          });
        }
      });
    });

    it('once closed refuses, and may be closed again', async () => {
      await store.commit([put(things, 'a', 1)]);
      await store.close();
      await store.close();
      await assert.rejects(store.get(things, 'a'), StoreError);
      await assert.rejects(store.list(things), StoreError);
      await assert.rejects(store.commit([put(things, 'b', 1)]), StoreError);
      await assert.rejects(store.commit([put(things, 'b', 1)], { synced: false }), StoreError);
    });
  });
}

function withoutMinusZero(value: unknown): unknown {
  if (value === 0) return 0;
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutMinusZero);
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, withoutMinusZero(member)]),
  );
}
