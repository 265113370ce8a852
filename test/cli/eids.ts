/** EIDs by the thousand. */
import { eidCheckDigitsFit } from '../../src/messages/ids.ts';

/** An EID of its own for each number, with check digits that fit. */
export function eidNumber(number: number): string {
  const head = `89049032${String(number).padStart(22, '0')}`;
  for (let check = 0; check < 100; check++) {
    const text = `${head}${String(check).padStart(2, '0')}`;
    if (eidCheckDigitsFit(text)) return text;
  }
  throw new Error('no check digits fit');
}
