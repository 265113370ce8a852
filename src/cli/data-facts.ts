/** Data of eUICC, IPA and device for people. */
import { members } from '../base/members.ts';

/** Data of eUICC and IPA, one fact each; certificates by their subject. */
export function dataFacts(
  data: Readonly<Record<string, unknown>>,
): readonly (readonly [string, string])[] {
  return Object.entries(data).map(([name, value]) => {
    const { subject, notAfter } = members(value);
    if (typeof subject === 'string') return [name, `${subject}, until ${textOf(notAfter)}`];
    return [name, textOf(value)];
  });
}

export function textOf(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
