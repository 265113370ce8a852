/** The rooms and their doors: who may import whom, and who may touch the outside. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('..', import.meta.url));

/** The table of the README: room → rooms it may import (besides itself). */
const rooms: Readonly<Record<string, readonly string[]>> = {
  base: [],
  messages: ['base'],
  dtls: ['base'],
  coap: ['base'],
  trust: ['messages', 'base'],
  store: ['messages', 'base'],
  fleet: ['store', 'messages', 'base'],
  orders: ['fleet', 'store', 'messages', 'base'],
  es9: ['messages', 'base'],
  es11: ['es9', 'messages', 'base'],
  procedures: ['orders', 'fleet', 'store', 'es9', 'es11', 'trust', 'messages', 'base'],
  esipa: ['procedures', 'messages', 'coap', 'base'],
  decode: ['trust', 'messages', 'base'],
  settings: ['dtls', 'messages', 'base'],
  doctor: ['es9', 'store', 'trust', 'messages', 'base'],
  rest: ['orders', 'fleet', 'store', 'messages', 'base'],
  cli: ['base'],
};

/** Node's modules and packages that reach outside, and the files that may import them. */
const outside: readonly (readonly [pattern: RegExp, files: readonly string[]])[] = [
  [/^node:dgram$/, ['udp.ts', 'doctor/ports.ts']],
  [/^node:https$/, ['es9/https.ts', 'https-server.ts', 'rest/server.ts', 'cli/client.ts']],
  [/^(node:http|fastify)$/, ['https-server.ts', 'rest/server.ts', 'cli/client.ts']],
  [/^(level|classic-level)$/, ['store/level.ts']],
  [
    /^(node:fs|node:fs\/promises)$/,
    [
      'config.ts',
      'config-file.ts',
      'identity.ts',
      'main.ts',
      'dtls-options.ts',
      'live-trust.ts',
      'pem-files.ts',
      'store/level.ts',
      'doctor/',
      'cli/',
    ],
  ],
  [
    /^node:(net|tls)$/,
    // base/inner-host.ts reads addresses with it, and opens nothing.
    ['https-server.ts', 'https-context.ts', 'doctor/ports.ts', 'base/inner-host.ts', 'cli/'],
  ],
  [/^(node:(http2|dns|dns\/promises|child_process|worker_threads)|undici)$/, ['cli/']],
];

/** Single files, and folders, of another room that a room may import all the same. */
const doors: Readonly<Record<string, readonly string[]>> = {
  cli: [
    'rest/api/',
    'main.ts',
    'config.ts',
    'weaknesses.ts',
    'doctor/doctor.ts',
    'doctor/finding.ts',
    'decode/decode.ts',
    'decode/anatomy.ts',
    'decode/input.ts',
  ],
  doctor: ['config.ts', 'es9-options.ts', 'weaknesses.ts'],
};

const files = readdirSync(join(top, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .sort();

function importsOf(file: string): string[] {
  const text = readFileSync(join(top, 'src', file), 'utf8');
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\s[^;]*?from\s+'([^']+)'|import\('([^']+)'\)/g,
  );
  return [...found].map((match) => match[1] ?? match[2] ?? '');
}

/** The path below src of a relative import; undefined for a package. */
function target(file: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return normalize(join(dirname(file), specifier));
}

function roomOf(file: string): string | undefined {
  const [first, ...rest] = file.split('/');
  return rest.length > 0 ? first : undefined;
}

describe('architecture', () => {
  it('knows every room', () => {
    const found = new Set(files.map(roomOf).filter((room) => room !== undefined));
    assert.deepEqual([...found].filter((room) => !(room in rooms)).sort(), []);
  });

  it('imports go one way', () => {
    const wrong: string[] = [];
    for (const file of files) {
      const room = roomOf(file);
      for (const specifier of importsOf(file)) {
        const to = target(file, specifier);
        if (to === undefined || room === undefined) continue;
        if (to.startsWith('..')) {
          wrong.push(`${file} imports ${specifier}, outside src`);
          continue;
        }
        const other = roomOf(to);
        const allowed = other === room || (other !== undefined && rooms[room]?.includes(other));
        const isDoor = doors[room]?.some(
          (door) => to === door || (door.endsWith('/') && to.startsWith(door)),
        );
        if (!allowed && isDoor !== true) wrong.push(`${file} imports ${to}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  it('only the named files touch the outside', () => {
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .filter((specifier) =>
          outside.some(
            ([pattern, allowed]) =>
              pattern.test(specifier) &&
              !allowed.some(
                (door) => file === door || (door.endsWith('/') && file.startsWith(door)),
              ),
          ),
        )
        .map((specifier) => `${file} imports ${specifier}`),
    );
    assert.deepEqual(wrong, []);
  });

  it('nobody but the CLI fetches', () => {
    // What rest/docs-page.ts holds is run by browsers.
    const others = files.filter((file) => !['cli/client.ts', 'rest/docs-page.ts'].includes(file));
    const wrong = others.filter((file) =>
      /\bfetch\(/.test(readFileSync(join(top, 'src', file), 'utf8')),
    );
    assert.deepEqual(wrong, []);
  });

  it('src imports neither tools nor test', () => {
    const wrong = files.filter((file) =>
      importsOf(file).some((specifier) => /(^|\/)(tools|test)\//.test(relative('.', specifier))),
    );
    assert.deepEqual(wrong, []);
  });
});
