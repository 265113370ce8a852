/** The small ones: addresses, the system's clock and chance, logs. */
import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { addressText, isLoopback } from '../../src/base/address.ts';
import { systemClock } from '../../src/base/clock.ts';
import { Drops, type LogLine, makeLog, silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';

describe('addresses', () => {
  it('are shown as URLs have them', () => {
    assert.equal(addressText({ address: '127.0.0.1', port: 5684 }), '127.0.0.1:5684');
    assert.equal(addressText({ address: '::1', port: 5684 }), '[::1]:5684');
  });

  it('are loopback ones only where nobody else can reach them', () => {
    for (const host of ['localhost', '::1', '127.0.0.1', '127.1.2.3']) assert.ok(isLoopback(host));
    const others = [
      '0.0.0.0',
      '::',
      '192.0.2.1',
      '127.0.0.1.example.com',
      '1127.0.0.1',
      'localhost.example.com',
      '',
    ];
    for (const host of others) assert.ok(!isLoopback(host), host);
  });
});

describe('the system’s clock', () => {
  it('tells milliseconds since 1970', () => {
    assert.ok(Math.abs(systemClock.now() - Date.now()) < 1000);
  });

  it('runs what it was asked to, once', async () => {
    await new Promise<void>((resolve) => {
      // Its own timers do not keep the process alive.
      const alive = setTimeout(() => assert.fail('never'), 10_000);
      systemClock.after(1, () => {
        clearTimeout(alive);
        resolve();
      });
    });
  });

  it('does not run what was cancelled', async () => {
    const cancel = systemClock.after(1, () => assert.fail('cancelled'));
    cancel();
    cancel();
    await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it('waits for longer than a timer of Node can, and is cancelled in the middle of it', () => {
    const day = 24 * 3600_000;
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      let rung = 0;
      systemClock.after(60 * day, () => rung++);
      const cancel = systemClock.after(40 * day, () => assert.fail('cancelled'));
      for (let i = 0; i < 59; i++) {
        mock.timers.tick(day);
        if (i === 30) cancel(); // its first timer has rung, its second is cancelled
      }
      assert.equal(rung, 0);
      mock.timers.tick(3 * day); // each of its timers rings at the end of a tick
      assert.equal(rung, 1);
    } finally {
      mock.timers.reset();
    }
  });
});

describe('the system’s chance', () => {
  it('gives as many octets as asked for, others each time', () => {
    const [one, other] = [systemRandom(16), systemRandom(16)];
    assert.equal(one.length, 16);
    assert.notDeepEqual(one, other);
    assert.equal(systemRandom(0).length, 0);
    assert.equal(one.constructor, Uint8Array);
  });
});

describe('a log', () => {
  it('writes a line an event, with its room', () => {
    const lines: LogLine[] = [];
    const log = makeLog('dtls', (line) => lines.push(line));
    log.debug('a');
    log.debug('a', () => ({ x: 1 }));
    log.info('b', { x: 1 });
    log.warn('c');
    log.error('d');
    assert.deepEqual(lines, [
      { level: 'debug', event: 'dtls: a', fields: {} },
      { level: 'debug', event: 'dtls: a', fields: { x: 1 } },
      { level: 'info', event: 'dtls: b', fields: { x: 1 } },
      { level: 'warn', event: 'dtls: c', fields: {} },
      { level: 'error', event: 'dtls: d', fields: {} },
    ]);
  });

  it('makes no lines for debugging where nobody reads them', () => {
    const [lines, drops] = [[] as LogLine[], new Drops()];
    const log = makeLog(
      'dtls',
      (line) => lines.push(line),
      drops,
      () => false,
    );
    log.debug('a', () => assert.fail('asked for its fields'));
    log.drop('replay');
    log.info('b');
    assert.deepEqual(lines, [{ level: 'info', event: 'dtls: b', fields: {} }]);
    assert.equal(drops.of('dtls: replay'), 1);
  });

  it('counts what is dropped by its reason, with one debug line each', () => {
    const [lines, drops] = [[] as LogLine[], new Drops()];
    const log = makeLog('dtls', (line) => lines.push(line), drops);
    log.drop('bad record', { from: 'x' });
    log.drop('bad record');
    log.drop('replay');
    assert.deepEqual(lines[0], {
      level: 'debug',
      event: 'dtls: dropped: bad record',
      fields: { from: 'x' },
    });
    assert.equal(drops.of('dtls: bad record'), 2);
    assert.equal(drops.of('dtls: none'), 0);
    assert.deepEqual(drops.all(), { 'dtls: bad record': 2, 'dtls: replay': 1 });
  });

  it('may be silent, and counts all the same', () => {
    const drops = new Drops();
    silentLog(drops, 'coap').drop('noise');
    assert.equal(drops.of('coap: noise'), 1);
  });
});
