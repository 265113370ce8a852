/** The options of `npm run lab`: whose they are, and what is said of those that are wrong. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { iccidOfDigits } from '../../src/messages/ids.ts';
import { top } from '../../tools/lab/eim-process.ts';
import { faults } from '../../tools/lab/faults.ts';
import { makeProfile } from '../../tools/lab/profile/make.ts';
import { newFolder } from '../support/folders.ts';

const command = ['--import', 'tsx', join(top, 'tools', 'lab', 'main.ts')];

interface Ended {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [...command, ...args], { cwd: top }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
}

/** The first line that a part says; then the part is stopped. */
async function firstLine(...args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [...command, ...args], { cwd: top });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let first = '';
  for await (const line of createInterface({ input: child.stdout })) {
    first = line;
    break;
  }
  child.kill('SIGTERM');
  await ended;
  return first;
}

function profileFile(content: Uint8Array | string): string {
  const file = join(newFolder(), 'profile');
  writeFileSync(file, content);
  return file;
}

const profile = makeProfile({
  iccid: iccidOfDigits('8988211000000123451'),
  name: 'of a file',
  size: 4321,
});

describe('the link alone', () => {
  it('stands between any client and any server, and says and writes what passed', async () => {
    const server = createSocket('udp4');
    server.on('message', (datagram, from) => server.send(datagram, from.port, from.address));
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    const client = createSocket('udp4');
    const pcap = join(newFolder(), 'link.pcap');
    const to = `127.0.0.1:${server.address().port}`;
    const child = spawn(
      process.execPath,
      [
        ...command,
        ...['link', '--server', to, '--profile', 'ltem', '--seed', '7', '--port', '0'],
        ...['--host', '127.0.0.1', '--pcap', pcap],
      ],
      { cwd: top },
    );
    const ended = once(child, 'exit');
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { value: first } = await lines.next();
    const port = /^link ltem to 127\.0\.0\.1:\d+: 127\.0\.0\.1:(\d+)$/.exec(String(first))?.[1];
    assert.ok(port, String(first));
    const began = Date.now();
    client.send(Uint8Array.of(1, 2, 3), Number(port), '127.0.0.1');
    const [echo] = (await once(client, 'message')) as [Buffer];
    assert.deepEqual([...echo], [1, 2, 3]);
    assert.ok(Date.now() - began >= 120, 'the round trip of ltem');
    child.kill('SIGTERM');
    await ended;
    const counts: unknown = JSON.parse(String((await lines.next()).value));
    assert.deepEqual(
      { ...Object(counts) },
      {
        ...{ datagramsUp: 1, datagramsDown: 1, bytesUp: 3, bytesDown: 3, roundTrips: 1 },
        ...{ lost: 0, tooLarge: 0, repeated: 0, reordered: 0, unheard: 0, rebindings: 0 },
      },
    );
    assert.equal(readFileSync(pcap).length, 24 + 2 * (16 + 28 + 3));
    client.close();
    server.close();
  });

  it('says where it cannot listen', async () => {
    const taken = createSocket('udp4');
    taken.bind(0, '127.0.0.1');
    await once(taken, 'listening');
    const port = String(taken.address().port);
    const { code, stderr } = await run('link', '--server', '127.0.0.1:1', '--port', port);
    taken.close();
    assert.equal(code, 1);
    assert.match(stderr, /^Failed: cannot listen on 127\.0\.0\.1, UDP port \d+ \(EADDRINUSE\)/);
  });
});

describe('an option that the whole lab has too', () => {
  it('is the SM-DP+ alone its own: --size', async () => {
    assert.match(await firstLine('smdpp', '--port', '0', '--size', '5000'), /of 5000 octets$/);
  });

  it('is the SM-DP+ alone its own: --profile', async () => {
    const said = await firstLine('smdpp', '--port', '0', '--profile', profileFile(profile));
    assert.match(said, /of 4321 octets$/);
  });

  it('is the device alone its own: --stack', async () => {
    const { code, stderr } = await run('device', '--eim', '127.0.0.1:1', '--stack', 'node-coap');
    assert.equal(code, 2);
    assert.match(stderr, /node-coap knows PSK only: give --psk/);
  });
});

describe('faults of the device', () => {
  it('are listed by the help of the lab and of the device, each with what it does', async () => {
    for (const part of [[], ['device']]) {
      const { code, stdout } = await run(...part, '--help');
      assert.equal(code, 0);
      for (const [name, about] of Object.entries(faults)) {
        assert.ok(stdout.includes(`  ${name} `) && stdout.includes(about), `${part}: ${name}`);
      }
    }
  });

  it('are known by name, and no other is taken', async () => {
    for (const part of [[], ['device', '--eim', '127.0.0.1:1']]) {
      const { code, stderr } = await run(...part, '--fault', 'no-such');
      assert.equal(code, 2);
      assert.match(stderr, /one of lose-result, /);
    }
  });
});

describe('SM-DS and SM-DP+ alone', () => {
  it('know each other, and a restart: the event is registered once', async () => {
    const state = newFolder();
    const smds = spawn(process.execPath, [...command, 'smds', '--port', '0'], { cwd: top });
    const ended = once(smds, 'exit');
    const lines = createInterface({ input: smds.stdout })[Symbol.asyncIterator]();
    const { value: first } = await lines.next();
    const at = /^SM-DS (127\.0\.0\.1:[0-9]+), 0 events$/.exec(String(first))?.[1] ?? '';
    assert.ok(at, String(first));
    await lines.next();
    const eid = '89049032123451234512345678901235';
    const args = ['smdpp', '--port', '0', '--name', 'smdp.example.com', '--state', state];
    for (let i = 0; i < 2; i++) {
      const said = await firstLine(...args, '--eid', eid, '--smds', at);
      assert.match(said, /^SM-DP\+ smdp\.example\.com, a profile of 12288 octets$/);
    }
    assert.match(String((await lines.next()).value), /SM-DS\s+registerEvent\s+ok$/);
    smds.kill('SIGTERM');
    await ended;
    assert.equal((await lines.next()).done, true, 'one registration');
  });
});

describe('bad options', () => {
  const refused: Readonly<Record<string, readonly [args: readonly string[], why: RegExp]>> = {
    'a seed that is no number': [['--seed', 'x'], /--seed .*whole number/],
    'a link that there is none of': [['--link', 'moon'], /--link .*nbiot-good/],
    'a file and a size': [['--profile', 'x', '--size', '60k'], /--profile .*--size/],
    'a stack that has no certificates': [
      ['--stack', 'node-coap', '--auth', 'cert'],
      /node-coap knows PSK only/,
    ],
    'a fault that there is none of': [['smdpp', '--fault', 'x'], /--fault .*corrupt-bpp/],
    'a fault of no function': [['smds', '--fault', 'down@x'], /--fault .*registerEvent/],
    'a refusal without its reason': [
      ['smdpp', '--fault', 'refuse:8.2.6'],
      /--fault .*refuse:8\.2\.6\/3\.8/,
    ],
    'an event for nobody': [['smdpp', '--smds', '127.0.0.1:1'], /--smds needs --eid/],
    'an order and a stock': [['smdpp', '--stock', '--once'], /--stock.* cannot be used with/],
    'a matchingId in lower case': [['smdpp', '--matching-id', 'lab'], /--matching-id .*capital/],
    'a port beyond the last': [['smdpp', '--port', '65536'], /--port .*0 to 65535/],
    'an eIM without its port': [['device', '--eim', 'localhost'], /--eim .*host:port/],
    'a PSK that is no hex': [
      ['device', '--eim', '127.0.0.1:1', '--psk', 'xyz'],
      /--psk .*16 to 64 octets of hex/,
    ],
    'a PSK over HTTPS': [
      ['device', '--eim', '127.0.0.1:1', '--binding', 'https-json', '--psk', '00'.repeat(16)],
      /HTTPS has no PSK: leave out --psk, or say --binding coaps/,
    ],
    'a stack of CoAP over HTTPS': [
      ['device', '--eim', '127.0.0.1:1', '--binding', 'https-asn1', '--stack', 'node-coap'],
      /--stack node-coap speaks CoAP alone: leave it out, or say --binding coaps/,
    ],
    'a device that speaks every binding': [
      ['device', '--eim', '127.0.0.1:1', '--binding', 'all'],
      /--binding .*coaps, https-asn1, https-json/,
    ],
    'a part that there is none of': [['dvice'], /no part 'dvice': smdpp, smds, link, device/],
    'a procedure that there is none of': [['--procedure', 'by-post'], /--procedure .*direct-smds/],
    'a fault of the SM-DP+ in the main job': [
      ['--smdpp-fault', 'down'],
      /faults of servers need --procedure/,
    ],
    'a name that leads nowhere': [
      ['device', '--eim', '127.0.0.1:1', '--resolve', 'smdp.example.com'],
      /--resolve .*name=host:port/,
    ],
    'a reason that there is none of': [
      ['device', '--eim', '127.0.0.1:1', '--cancel', 'bored'],
      /--cancel .*endUserRejection/,
    ],
    'no time between polls': [
      ['device', '--eim', '127.0.0.1:1', '--every', '0'],
      /--every .*more than 0/,
    ],
  };
  for (const [name, [args, why]] of Object.entries(refused)) {
    it(`end with exit code 2 and the reason: ${name}`, async () => {
      const { code, stderr } = await run(...args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, why);
    });
  }
});

describe('bad files', () => {
  const refused: Readonly<
    Record<string, readonly [args: (file: string) => string[], content: string, why: RegExp]>
  > = {
    'a profile with octets behind it': [
      (file) => ['--profile', file],
      `${Buffer.from(profile).toString('hex')}010203`,
      /profile is no profile package: 3 octets after the end/,
    ],
    'a profile without its last digit': [
      (file) => ['smdpp', '--port', '0', '--profile', file],
      Buffer.from(profile).toString('hex').slice(1),
      /profile has an odd number of hex digits/,
    ],
    'a request that is no AddInitialEimRequest': [
      (file) => ['device', '--eim', '127.0.0.1:1', '--add-initial-eim', file, '--state', 'none'],
      'BF5500',
      /is no AddInitialEimRequest: have it written by eim info --out/,
    ],
    'a state that is no JSON': [
      (file) => ['device', '--eim', '127.0.0.1:1', '--state', file],
      'not JSON',
      /holds no state of the lab's eUICC .*--state/,
    ],
    'a state of something else': [
      (file) => ['device', '--eim', '127.0.0.1:1', '--state', file],
      '{}',
      /holds no state of the lab's eUICC .*--state/,
    ],
  };
  for (const [name, [args, content, why]] of Object.entries(refused)) {
    it(`end with exit code 1 and the reason in one line: ${name}`, async () => {
      const { code, stderr } = await run(...args(profileFile(content)));
      assert.equal(code, 1, stderr);
      assert.match(stderr, why);
      assert.equal(stderr.trim().split('\n').length, 1, stderr);
    });
  }

  it('and an SM-DP+ whose port is taken says which', async () => {
    const taken = spawn(process.execPath, [...command, 'smdpp', '--port', '0'], { cwd: top });
    const ended = new Promise((resolve) => taken.once('exit', resolve));
    for await (const line of createInterface({ input: taken.stdout })) {
      const [, port = ''] = /127\.0\.0\.1:([0-9]+)/.exec(line) ?? [];
      const { code, stderr } = await run('smdpp', '--port', port);
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`TCP port ${port} \\(EADDRINUSE\\).*--port`));
      break;
    }
    taken.kill('SIGTERM');
    await ended;
  });
});

describe('an ordeal', () => {
  for (const [args, why] of [
    [['--rebind', '3'], /--rebind needs a --link with a NAT/],
    [['--reset', '3', '--stack', 'node-coap'], /need --stack own/],
    [['--restart', '0'], /the number of a block, 1 or more/],
    [['--speed', '0.5'], /a number from 1 to 100/],
  ] as const) {
    it(`is refused: ${args.join(' ')}`, async () => {
      const { code, stderr } = await run(...args);
      assert.equal(code, 2);
      assert.match(stderr, why);
    });
  }
});
