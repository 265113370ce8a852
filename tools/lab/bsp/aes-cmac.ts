/** AES-CMAC (RFC 4493), which node:crypto does not have. */
import { createCipheriv } from 'node:crypto';
import { concat } from '../../../src/base/bytes.ts';

const BLOCK = 16;
/** The constant R_128 of RFC 4493 2.3. */
const RB = 0x87;

/** The 16 octets of AES-CMAC over `message` with a key of 16 octets. */
export function aesCmac(key: Uint8Array, message: Uint8Array): Uint8Array {
  const k1 = double(encryptBlock(key, new Uint8Array(BLOCK)));
  const whole = message.length > 0 && message.length % BLOCK === 0;
  const last = new Uint8Array(BLOCK);
  const start = whole ? message.length - BLOCK : message.length - (message.length % BLOCK);
  last.set(message.subarray(start));
  if (!whole) last[message.length - start] = 0x80;
  const mask = whole ? k1 : double(k1);
  const masked = last.map((octet, i) => octet ^ (mask[i] ?? 0));
  // CBC with a zero IV is the chain of RFC 4493 figure 2.3; its last block is the MAC.
  const cipher = createCipheriv('aes-128-cbc', key, new Uint8Array(BLOCK)).setAutoPadding(false);
  const chain = concat(cipher.update(message.subarray(0, start)), cipher.update(masked));
  return chain.slice(-BLOCK);
}

/** One block of 16 octets through AES-128. */
export function encryptBlock(key: Uint8Array, block: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false);
  return new Uint8Array(cipher.update(block));
}

/** Multiplication by x in GF(2^128) (RFC 4493 2.3). */
function double(block: Uint8Array): Uint8Array {
  const carry = ((block[0] ?? 0) & 0x80) !== 0;
  return block.map((octet, i) => {
    const shifted = ((octet << 1) | ((block[i + 1] ?? 0) >> 7)) & 0xff;
    return i === BLOCK - 1 && carry ? shifted ^ RB : shifted;
  });
}
