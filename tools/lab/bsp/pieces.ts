/** How the IPA hands a Bound Profile Package to the eUICC (SGP.22 2.5.5, 5.7.6; SGP.32 feeds it alike). */
import { concat } from '../../../src/base/bytes.ts';
import { DerError, readAll, readOnly } from '../../../src/messages/tlv.ts';

/**
 * The ES10b commands that carry a package, in order: the header of `BF36` with the whole `BF23`; `A0` whole; the
 * header of `A1`, then each 88; `A2` whole, where there is one; the header of `A3`, then each 86. Together they are
 * the package again. Throws DerError where the package has another shape; its segments are not looked into.
 */
export function piecesOf(boundProfilePackage: Uint8Array): Uint8Array[] {
  const path = 'boundProfilePackage';
  const whole = readOnly(boundProfilePackage, path);
  if (whole.tag !== 0xbf36) throw new DerError(path, `tag ${whole.tag.toString(16)}`);
  const pieces: Uint8Array[] = [];
  for (const part of readAll(whole.value, path)) {
    if ((part.tag === 0xbf23) !== (pieces.length === 0))
      throw new DerError(path, 'starts not with BF23');
    switch (part.tag) {
      case 0xbf23:
        pieces.push(concat(whole.header, part.raw));
        break;
      case 0xa0:
      case 0xa2:
        pieces.push(part.raw);
        break;
      case 0xa1:
      case 0xa3:
        pieces.push(part.header, ...readAll(part.value, path).map((segment) => segment.raw));
        break;
      default:
        throw new DerError(path, `unknown part ${part.tag.toString(16)}`);
    }
  }
  return pieces;
}
