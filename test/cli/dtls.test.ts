/** `eim dtls`: what is shown of connections, and how one is ended. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { at } from '../rest/http.ts';
import { type Running, run } from '../rest/running.ts';
import { command } from './cli.ts';

const [first, second] = ['6D6A5C1E0F3B9A27C4D8E001', '6D6A5C1E0F3B9A27C4D8E002'];

let rest: Running;
before(async () => {
  rest = await run();
});
after(() => rest.close());

const eim = (...args: readonly string[]) => command(args, { env: { EIM_URL: rest.url } });

describe('eim dtls', () => {
  it('lists connections, and goes on after one', async () => {
    const { code, stdout, stderr } = await eim('dtls', 'list', '--limit', '2');
    assert.equal(code, 0);
    assert.match(stdout, /6D6A5C1E0F3B9A27C4D8E001 +dev1 +asleep +192\.0\.2\.1:40001/);
    assert.match(stderr, /2 awake, 1 asleep, 4 handshakes under way/);
    assert.match(stderr, new RegExp(`more: eim dtls list --after ${second}`));
    const rest = await eim('dtls', 'list', '--after', second, '--json');
    assert.equal(at(JSON.parse(rest.stdout), 'connections', 'length'), 1);
  });

  it('shows one', async () => {
    const { code, stdout } = await eim('dtls', 'show', second);
    assert.equal(code, 0);
    assert.match(stdout, /^suite +TLS_PSK_WITH_AES_128_CCM_8$/m);
    assert.match(stdout, /^address changes +2$/m);
    assert.match(stdout, /^in +20 datagrams, 2000 octets$/m);
    assert.match(stdout, /^dropped, record received before +4$/m);
  });

  it('closes one, and says where there is none', async () => {
    assert.equal((await eim('dtls', 'close', first)).stdout, `closed ${first}\n`);
    const { code, stderr } = await eim('dtls', 'close', first);
    assert.equal(code, 2);
    assert.match(stderr, /there is no connection/);
  });
});
