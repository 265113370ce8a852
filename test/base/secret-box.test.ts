/** Secrets at rest: sealed for one place with one key, and of no use with another or elsewhere. */
import assert from 'node:assert/strict';
import { createDecipheriv } from 'node:crypto';
import { describe, it } from 'node:test';
import { concat, toHex, utf8 } from '../../src/base/bytes.ts';
import { SecretBox, SecretError, sealedOverhead } from '../../src/base/secret-box.ts';
import { seededRandom } from '../support/seeded.ts';

const key = Uint8Array.from({ length: 32 }, (_, i) => i);
const otherKey = new Uint8Array(32).fill(7);
const secret = utf8('a PSK of a device');
const place = 'device!meter-7';

function box(options: { key?: Uint8Array; former?: readonly Uint8Array[] } = {}): SecretBox {
  return new SecretBox({ key, random: seededRandom(1), ...options });
}

function reasonOf(open: () => unknown): string {
  try {
    open();
  } catch (error) {
    assert.ok(error instanceof SecretError, String(error));
    assert.ok(!error.message.includes('PSK of a'), error.message);
    assert.ok(!error.message.includes(toHex(key)) && !error.message.includes(toHex(otherKey)));
    return error.reason;
  }
  return 'opened';
}

describe('a secret box', () => {
  it('opens what it sealed, whatever its length', () => {
    for (const length of [0, 1, 16, 64, 5000]) {
      const bytes = new Uint8Array(length).fill(3);
      const sealed = box().seal(bytes, place);
      assert.equal(sealed.length, length + sealedOverhead);
      assert.deepEqual(box().open(sealed, place), bytes);
    }
  });

  it('seals with AES-256-GCM, as the header says it', () => {
    const sealed = box().seal(secret, place);
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(5, 17));
    decipher.setAAD(concat(sealed.subarray(0, 5), utf8(place)));
    decipher.setAuthTag(sealed.subarray(-16));
    const opened = concat(decipher.update(sealed.subarray(17, -16)), decipher.final());
    assert.deepEqual(opened, secret);
  });

  it('shows nothing of a secret, and the same secret differently each time', () => {
    const one = box();
    const [first, second] = [one.seal(secret, place), one.seal(secret, place)];
    assert.notDeepEqual(first, second);
    assert.ok(!Buffer.from(first).includes(Buffer.from(secret)));
  });

  it('refuses each changed octet', () => {
    const sealed = box().seal(secret, place);
    for (let i = 0; i < sealed.length; i++) {
      const changed = sealed.slice();
      changed[i] = (changed[i] ?? 0) ^ 0x10;
      assert.notEqual(
        reasonOf(() => box().open(changed, place)),
        'opened',
        `octet ${i}`,
      );
    }
    for (const cut of [sealed.slice(0, -1), sealed.slice(0, 10), new Uint8Array()]) {
      assert.equal(
        reasonOf(() => box().open(cut, place)),
        'damaged',
      );
    }
  });

  it('refuses a secret in the place of another', () => {
    const sealed = box().seal(secret, place);
    assert.equal(
      reasonOf(() => box().open(sealed, 'device!meter-8')),
      'damaged',
    );
  });

  it('says that a key is another one, and what to do', () => {
    const sealed = box().seal(secret, place);
    const other = box({ key: otherKey });
    assert.equal(
      reasonOf(() => other.open(sealed, place)),
      'key',
    );
    assert.throws(() => other.open(sealed, place), /EIM_SECRET_KEY or secret\.keyFile/);
  });

  it('opens what a former key sealed, and tells that it is to be sealed anew', () => {
    const sealed = box().seal(secret, place);
    const later = box({ key: otherKey, former: [key] });
    assert.deepEqual(later.open(sealed, place), secret);
    assert.ok(box().isCurrent(sealed) && !later.isCurrent(sealed));
    const anew = later.seal(secret, place);
    assert.ok(later.isCurrent(anew));
    assert.deepEqual(box({ key: otherKey }).open(anew, place), secret);
  });

  it('has keys of their own for other uses, of each key it has', () => {
    const later = box({ key: otherKey, former: [key] });
    const { key: now, former } = later.keysFor('tickets');
    assert.deepEqual([now.length, former.length], [32, 1]);
    assert.deepEqual(former[0], box().keysFor('tickets').key);
    assert.notDeepEqual(now, later.keysFor('connections').key);
    assert.notDeepEqual(now, otherKey);
  });

  it('takes keys of 32 octets only', () => {
    assert.throws(() => box({ key: new Uint8Array(16) }), TypeError);
    assert.throws(() => box({ former: [new Uint8Array(33)] }), TypeError);
  });
});
