/**
 * BSP: the protection of the commands of a Bound Profile Package (SGP.22 2.6.4; SCP03t with other tags), both ways.
 *
 *   encrypt   C = AES-CBC(S-ENC, ICV, P ‖ 80 ‖ 00…), ICV = AES-ECB(S-ENC, counter)
 *   mac       M = AES-CMAC(S-MAC, MCV ‖ tag ‖ length ‖ C); segment = tag ‖ length ‖ C ‖ M[0..8); MCV := M
 *
 * One counter and one MCV run through all segments in the order of sending, those that are only MACed included.
 */
import { createCipheriv, createDecipheriv, timingSafeEqual } from 'node:crypto';
import { concat } from '../../../src/base/bytes.ts';
import { DerError, readOnly, type Tlv, tlv } from '../../../src/messages/tlv.ts';
import { aesCmac, encryptBlock } from './aes-cmac.ts';
import type { BspKeys } from './session-keys.ts';

const BLOCK = 16;
const MAC_LENGTH = 8;

/** Most octets of a segment with tag, length and MAC (SGP.22 2.6.4.5). */
export const MAX_SEGMENT = 1020;
/** Most plaintext octets of an encrypted segment: with padding 1008, with MAC and header 1020. */
export const MAX_ENCRYPTED = 1007;
/** Most octets of a segment that is only MACed. */
export const MAX_MACED = 1008;

/** A segment that was tampered with, is out of order, or was made with other keys (scp03tSecurityError). */
export class BspError extends Error {
  override readonly name = 'BspError';
  /** `structure`: not the shape of a segment (scp03tStructureError 7); `security`: MAC or padding (8). */
  readonly kind: 'structure' | 'security';

  constructor(kind: 'structure' | 'security', complaint: string, options?: ErrorOptions) {
    super(complaint, options);
    this.kind = kind;
  }
}

/** One end of a BSP channel: sends or receives, and keeps counter and MAC chaining value in step. */
export class Bsp {
  #keys: BspKeys;
  #mcv: Uint8Array;
  #counter = 1;

  constructor(keys: BspKeys) {
    this.#keys = keys;
    this.#mcv = keys.initialMacChainingValue;
  }

  /** The MAC chaining value that the next segment starts from. */
  get macChainingValue(): Uint8Array {
    return this.#mcv;
  }

  /** ReplaceSessionKeys (SGP.22 2.5.5): other keys, their MCV, and the counter at 1 again. */
  replaceKeys(keys: BspKeys): void {
    this.#keys = keys;
    this.#mcv = keys.initialMacChainingValue;
    this.#counter = 1;
  }

  /** An encrypted and MACed segment (tags 0x86 and 0x87). */
  encrypt(tag: number, plaintext: Uint8Array): Uint8Array {
    const padded = new Uint8Array((Math.floor(plaintext.length / BLOCK) + 1) * BLOCK);
    padded.set(plaintext);
    padded[plaintext.length] = 0x80;
    const cipher = createCipheriv('aes-128-cbc', this.#keys.sEnc, this.#icv());
    return this.#seal(tag, cipher.setAutoPadding(false).update(padded));
  }

  /** A segment that is only MACed (tag 0x88). */
  mac(tag: number, plaintext: Uint8Array): Uint8Array {
    return this.#seal(tag, plaintext);
  }

  /** The plaintext of an encrypted segment with this tag. Throws BspError, and then stays where it was. */
  decrypt(tag: number, segment: Uint8Array): Uint8Array {
    const { content, mcv } = this.#open(tag, segment);
    if (content.length === 0 || content.length % BLOCK !== 0) {
      throw new BspError('structure', `ciphertext of ${content.length} octets is not whole blocks`);
    }
    const decipher = createDecipheriv('aes-128-cbc', this.#keys.sEnc, this.#icv());
    const plaintext = unpad(new Uint8Array(decipher.setAutoPadding(false).update(content)));
    this.#advance(mcv);
    return plaintext;
  }

  /** The content of a segment that is only MACed. Throws BspError, and then stays where it was. */
  verify(tag: number, segment: Uint8Array): Uint8Array {
    const { content, mcv } = this.#open(tag, segment);
    this.#advance(mcv);
    return content.slice();
  }

  #seal(tag: number, content: Uint8Array): Uint8Array {
    const header = headerOf(tag, content.length + MAC_LENGTH);
    const mcv = this.#macOf(header, content);
    this.#advance(mcv);
    return concat(header, content, mcv.subarray(0, MAC_LENGTH));
  }

  #open(tag: number, segment: Uint8Array): { content: Uint8Array; mcv: Uint8Array } {
    const read = readSegment(segment);
    if (read.tag !== tag) {
      throw new BspError(
        'structure',
        `tag ${read.tag.toString(16)} where ${tag.toString(16)} is due`,
      );
    }
    const end = read.value.length - MAC_LENGTH;
    if (end < 0) throw new BspError('structure', 'no room for a MAC');
    const content = read.value.subarray(0, end);
    const mcv = this.#macOf(read.header, content);
    if (!timingSafeEqual(mcv.subarray(0, MAC_LENGTH), read.value.subarray(end))) {
      throw new BspError('security', 'the MAC does not fit');
    }
    return { content, mcv };
  }

  #macOf(header: Uint8Array, content: Uint8Array): Uint8Array {
    return aesCmac(this.#keys.sMac, concat(this.#mcv, header, content));
  }

  /** The counter moves also where nothing was encrypted. */
  #advance(mcv: Uint8Array): void {
    this.#mcv = mcv;
    this.#counter++;
  }

  #icv(): Uint8Array {
    const block = new Uint8Array(BLOCK);
    new DataView(block.buffer).setUint32(BLOCK - 4, this.#counter);
    return encryptBlock(this.#keys.sEnc, block);
  }
}

function headerOf(tag: number, length: number): Uint8Array {
  return tlv(tag, new Uint8Array(length)).subarray(0, -length);
}

function readSegment(segment: Uint8Array): Tlv {
  try {
    return readOnly(segment, 'segment');
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw new BspError('structure', cause.message, { cause });
  }
}

/** Takes `80 00…` off the end (ISO/IEC 9797-1 padding method 2). */
function unpad(padded: Uint8Array): Uint8Array {
  const end = padded.findLastIndex((octet) => octet !== 0);
  if (end < padded.length - BLOCK || padded[end] !== 0x80) {
    throw new BspError('security', 'the padding does not fit');
  }
  return padded.slice(0, end);
}
