/** A box for secrets, the same in each test. */
import { type Random, systemRandom } from '../../src/base/random.ts';
import { SecretBox } from '../../src/base/secret-box.ts';

export const testKey = new Uint8Array(32).fill(0x5a);

export function testBox(random: Random = systemRandom): SecretBox {
  return new SecretBox({ key: testKey, random });
}
