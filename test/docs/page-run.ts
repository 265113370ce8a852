/** Runs the commands of a page, in order, against an eIM of its own. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { newFolder } from '../support/folders.ts';
import { needs } from '../support/needs.ts';
import { allCommands, isBehind, isLab, ownTest, type PageCommand, whyNotRun } from './commands.ts';
import { PageShell, serves } from './page-shell.ts';
import { type Part, startPart, startWorld, type World } from './page-world.ts';
import { commandsIn, invocationOf } from './shell.ts';

/** Commands that are not to end with 0 here. */
const ends: readonly {
  readonly command: RegExp;
  readonly codes: readonly number[];
  readonly why: string;
}[] = [
  { command: /^eim doctor/, codes: [0, 1], why: 'it judges the machine that this runs on' },
  { command: /^eim order watch/, codes: [0, 5], why: 'nobody fetches the order' },
  { command: /^eim notification (show|retry|drop)/, codes: [2], why: 'no SM-DP+ has refused one' },
  { command: /order cancel/, codes: [0, 1], why: 'the device may have been quicker' },
  { command: /dtls (show|close) /, codes: [0, 2], why: 'where no device polls there is none' },
  { command: /--eim-id eIM --counter-value 0/, codes: [1, 2], why: 'the eIM was not started anew' },
];

/** Makes `<name>.key.pem`, and a certificate of it. */
function keyIn(name: string): string {
  return `openssl req -new -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout ${name}.key.pem -out ${name}.pem -subj /CN=localhost 2>/dev/null`;
}

/** What a reader has, or has done, before a command. */
const preludes: readonly { readonly command: RegExp; readonly done: string }[] = [
  { command: /keyFile=eim-secret/, done: 'rm -rf served' },
  { command: /config init/, done: 'rm eim.yaml' },
  {
    command: /devices\.csv --dry/,
    done: `echo identity,key,eids > devices.csv
echo meter-1,000102030405060708090a0b0c0d0e0f,89044045118427484800000000011628 >> devices.csv
echo '[{"identity":"meter-2"}]' > devices.json`,
  },
  {
    command: /fleet\.csv --dry/,
    done: `echo eid,activationCode > fleet.csv
echo '89044045118427484800000000011628,1$smdp.example.com$MATCHING-ID' >> fleet.csv`,
  },
  { command: /import refused\.csv/, done: 'test -s refused.csv || cp fleet.csv refused.csv' },
  { command: /code\.txt/, done: 'echo 1234 > code.txt' },
  { command: /steps\.json/, done: `echo '[{"getRAT":{}}]' > steps.json` },
  {
    command: /euicc\.pem/,
    done: 'openssl x509 -in "$PKI/euicc.cert.pem" -pubkey -noout > euicc.pem',
  },
  { command: /add-eim|handover .* --fqdn/, done: `${keyIn('eim2')}; cp eim2.pem eim2-tls.pem` },
  {
    command: /meter-8\.pub\.pem$/,
    done: `test -f meter-8.pub.pem || { ${keyIn('meter-8')}; openssl x509 -in meter-8.pem -pubkey -noout > meter-8.pub.pem; }`,
  },
  { command: /psk - --certificate meter-8/, done: keyIn('meter-8') },
  {
    command: /add .*--certificate meter-9/,
    done: `test -f meter-9.pem || { ${keyIn('meter-9')}; }`,
  },
  { command: /address meter-7 192/, done: 'eim device add --identity meter-7' },
  { command: /^tshark -r capture/, done: 'lab --size 2k --pcap capture.pcap' },
  {
    command: /roots='\[\/etc\/eim\/ci.pem\]'|rest\.certificate=/,
    done: `${keyIn('rest')}; cp rest.pem ci.pem`,
  },
];

/** Ids of this eIM's, for those that stand in a page. */
const ids: readonly { readonly command: RegExp; readonly told: string; readonly id: RegExp }[] = [
  { command: /dtls (show|close) /, told: 'eim dtls list --json', id: /"id": ?"([^"]+)"/ },
  { command: /token revoke/, told: 'eim token list --json', id: /"id": ?"([^"]+)"/ },
];

const notWaiting: readonly [RegExp, string][] = [
  [/(?<=^(?:eim|npm run eim --) order .*) --wait(?: \d+[smh])?/g, ''],
  [/(?<=order watch .*--timeout )2h/g, '2s'],
];

/** Declares a test for each command of a page that is run here, but for the lab as a whole. */
export function runPage(path: string): void {
  const commands = runnable(path).filter((one) => !isBehind(one));
  const polls = /READ|oper/.test(path);
  if (commands.length > 0) describe(path, { timeout: 280_000 }, () => run(commands, polls));
}

/** The same for those that stand behind: orders are placed, and nobody fetches them. */
export function runBehind(path: string): void {
  const commands = runnable(path).filter(isBehind);
  describe(`${path}, the rest`, { timeout: 280_000 }, () => run(commands, false));
}

/** Programs of others that commands call. */
const programs = ['coap-client-openssl', 'coap-client-gnutls', 'curl', 'openssl', 'tshark'];

/** `skip` of a command whose program this machine is without. */
function missing(command: string): string | false {
  const called = programs.find((name) => command.split(/[\s|()]+/).includes(name));
  return called === undefined ? false : needs(called, '--version');
}

function runnable(path: string): readonly PageCommand[] {
  return allCommands.filter(
    (one) =>
      one.path === path &&
      ownTest(one) === undefined &&
      whyNotRun(one) === undefined &&
      (!isLab(one) || one.text.includes('--pcap')),
  );
}

function run(commands: readonly PageCommand[], polls: boolean): void {
  const [folder, own] = [newFolder(), newFolder()];
  let world: World;
  let shell: PageShell;
  let last = '';
  const parts: Part[] = [];
  const moved: [string | RegExp, string][] = [];
  before(async () => {
    world = await startWorld(own, polls);
    moved.push(
      ['http://127.0.0.1:8080', world.eim.rest],
      ['127.0.0.1:5684', `127.0.0.1:${world.eim.coaps.port}`],
      ['127.0.0.1:8000', `127.0.0.1:${world.eim.https?.port}`],
      ['/etc/eim/', `${folder}/`],
      [/\b[0-9a-f]{8}-[0-9a-f-]{27}\b/g, '$ID'],
      [/(?<=dtls (?:show|close) |token revoke )\S+/g, '$ID'],
      // Without a device nothing comes of waiting.
      ...(polls ? [] : notWaiting),
      // That of the eUICC here; with another nothing would be believed any more.
      ['--association-token 2', '--association-token 1'],
    );
    const env = { EIM_URL: world.eim.rest, PKI: world.certificates };
    shell = new PageShell({ folder, env, moved });
  });
  after(async () => {
    for (const part of parts) part.close();
    await world.close();
  });

  for (const { text } of commands) {
    it(text, { skip: missing(text) }, async () => {
      if (serves.test(text)) {
        const { args = [] } = invocationOf(commandsIn(shell.moved(text))[0] ?? []) ?? {};
        const part = await startPart([...args, '--port', '0'], folder);
        parts.push(part);
        if (args[0] === 'smdpp') moved.push([/127\.0\.0\.1:8443/g, `127.0.0.1:${part.port}`]);
        if (args[0] === 'smds') moved.push([/127\.0\.0\.1:8444/g, `127.0.0.1:${part.port}`]);
        return;
      }
      for (const { command, done } of preludes) {
        if (!command.test(text)) continue;
        const { code, stderr } = await shell.run(done);
        assert.equal(code, 0, stderr);
      }
      for (const { command, told, id } of ids) {
        if (command.test(text)) last = id.exec((await shell.run(told)).stdout)?.[1] ?? '';
      }
      const { code, stdout, stderr } = await shell.run(text, last);
      const due = ends.find(({ command }) => command.test(text))?.codes ?? [0];
      assert.ok(due.includes(code), `exit code ${code}\n${stdout}\n${stderr}`);
      last = /^order +([0-9a-f-]{36})$/m.exec(stdout)?.[1] ?? last;
      for (const [, out = ''] of text.matchAll(/ -o (\S+)/g))
        assert.ok(/keylog|-keyout/.test(text) || existsSync(join(folder, out)), out);
    });
  }
}
