/**
 * The key of the secrets in the store: given in the environment or a file, or made once. The store says which key it
 * is for, so that a wrong one, or one that is lost, shows before anything else is done.
 *
 * ```
 *   secret!check       a text sealed with the key of the store
 * ```
 */
import { join } from 'node:path';
import { BytesError, fromBase64, hex, toHex, utf8 } from './base/bytes.ts';
import type { Log } from './base/log.ts';
import type { Random } from './base/random.ts';
import { SecretBox, SecretError, secretKeyLength } from './base/secret-box.ts';
import { type Config, ConfigError } from './config.ts';
import { exists, makeFile, read } from './identity.ts';
import { put, type Store, table } from './store/store.ts';

const secrets = table<Uint8Array>('secret');
const place = 'secret!check';

export interface SecretsOptions {
  readonly config: Pick<Config, 'dataFolder' | 'secret'>;
  readonly store: Store;
  readonly random: Random;
  readonly log: Log;
}

/**
 * The box that secrets in this store are sealed with. Throws ConfigError where a key cannot be read, SecretError where
 * it is not the store's.
 */
export async function openSecrets({
  config,
  store,
  random,
  log,
}: SecretsOptions): Promise<SecretBox> {
  const check = await store.get(secrets, 'check');
  const box = new SecretBox({
    key: keyOf(config, random, log, check !== undefined),
    former: config.secret.formerKeyFiles.map((path) =>
      keyIn('secret.formerKeyFiles', path, read('secret.formerKeyFiles', path)),
    ),
    random,
  });
  if (check !== undefined) opens(box, check);
  if (check === undefined || !box.isCurrent(check)) {
    await store.commit([put(secrets, 'check', box.seal(utf8('coap-eim'), place))]);
    if (check !== undefined) log.info('secrets have a new key', { key: box.keyId });
  }
  return box;
}

function opens(box: SecretBox, check: Uint8Array): void {
  try {
    box.open(check, place);
  } catch (cause) {
    if (!(cause instanceof SecretError) || cause.reason !== 'key') throw cause;
    throw new SecretError(
      'key',
      `the secrets in the store are sealed with another key than the one given (${box.keyId}): ` +
        'set EIM_SECRET_KEY or secret.keyFile to the key of before; to change it, name the file of the key of before ' +
        'in secret.formerKeyFiles',
      { cause },
    );
  }
}

function keyOf(
  { dataFolder, secret }: SecretsOptions['config'],
  random: Random,
  log: Log,
  needed: boolean,
): Uint8Array {
  if (secret.key !== undefined) return keyIn('secret.key', 'the value', secret.key);
  const path = secret.keyFile ?? join(dataFolder, 'secret.key');
  if (secret.keyFile !== undefined || exists(path)) {
    return keyIn('secret.keyFile', path, read('secret.keyFile', path));
  }
  if (needed) {
    throw new SecretError(
      'key',
      `the store holds secrets, and their key ${path} is gone: restore the file, or set EIM_SECRET_KEY or secret.keyFile`,
    );
  }
  if (makeFile(dataFolder, path, () => `${toHex(random(secretKeyLength))}\n`, 0o600)) {
    log.warn(
      'made a key for the secrets in the store: keep a copy, but not with the backups of the store',
      { file: path },
    );
  }
  return keyIn('secret.keyFile', path, read('secret.keyFile', path));
}

/** 32 octets, in hex or base64. The complaint never shows the text. */
function keyIn(setting: string, where: string, text: string): Uint8Array {
  const trimmed = text.trim();
  try {
    const key = trimmed.length === 2 * secretKeyLength ? hex(trimmed) : fromBase64(trimmed);
    if (key.length === secretKeyLength) return key;
  } catch (error) {
    if (!(error instanceof BytesError)) throw error;
  }
  throw new ConfigError(
    `${setting}: ${where} is no key of ${secretKeyLength} octets in hex or base64 (openssl rand -hex 32 makes one)`,
  );
}
