/** Steps of an order for people. */
import { members } from '../base/members.ts';
import type { OrderView } from '../rest/api/orders.ts';
import type { Cell, Colour } from './output.ts';

type Step = OrderView['steps'][number];

/** Members of a step that tell how far it got, beside what it is. */
const progress: readonly string[] = ['state', 'outcome', 'reason'];

/** What the steps are, one name each: `download`, `enable`. */
export function stepNames({ steps }: Pick<OrderView, 'steps'>): readonly string[] {
  return steps.map((step) => Object.keys(what(step)).join());
}

/** Facts, one for each step; those of a whole order with how far they got. */
export function stepFacts({ steps }: OrderView): readonly (readonly [string, Cell])[] {
  return steps.map((step, i) => {
    const { state } = step;
    const name = steps.length > 1 ? `step ${i + 1}` : 'step';
    if (typeof state !== 'string') return [name, { text: stepText(what(step)) }];
    const colour = colours[state];
    const text = `${stepText(what(step))}: ${state}${endText(step)}`;
    return [name, { text, ...(colour === undefined ? {} : { colour }) }];
  });
}

const colours: Readonly<Record<string, Colour>> = {
  underway: 'yellow',
  done: 'green',
  failed: 'red',
  skipped: 'dim',
};

function what(step: Step): Step {
  return Object.fromEntries(Object.entries(step).filter(([name]) => !progress.includes(name)));
}

function endText({ outcome, reason }: Step): string {
  const came = outcome === undefined ? [] : [outcomeText(members(outcome))];
  const why = typeof reason === 'string' && reason !== '' ? [reason] : [];
  const all = [...came, ...why];
  return all.length === 0 ? '' : ` (${all.join('; ')})`;
}

/** `enable 8949… (with rollback)`; the matchingId of a download is left out, it is as good as the profile. */
function stepText(step: Step): string {
  return Object.entries(step)
    .map(([name, value]) => {
      const about = aboutText(name, members(value));
      return about === '' ? name : `${name} ${about}`;
    })
    .join(', ');
}

function aboutText(name: string, value: Readonly<Record<string, unknown>>): string {
  const { rollback, polls, within } = value;
  if (name === 'download') return downloadText(value);
  if (name === 'confirm') return `in ${String(polls)} polls and ${String(within)}`;
  // The member that says most.
  const { iccid, eimId, defaultDpAddress, tagList } = value;
  const about = [iccid, eimId, defaultDpAddress, tagList].filter(
    (one) => typeof one === 'string' && one !== '',
  );
  return [...about.slice(0, 1), ...(rollback === true ? ['(with rollback)'] : [])].join(' ');
}

function downloadText(value: Readonly<Record<string, unknown>>): string {
  const { activationCode, smds, confirmationCode, mode } = value;
  const { address } = members(smds);
  const source =
    typeof activationCode === 'string'
      ? activationCode.split('$')[1]
      : smds === undefined
        ? 'the default SM-DP+'
        : `where the SM-DS ${typeof address === 'string' ? address : 'of the eUICC'} says`;
  const also = [
    ...(confirmationCode === undefined ? [] : ['with a confirmation code']),
    ...(typeof mode === 'string' ? [mode] : []),
  ];
  return `from ${source}${also.length === 0 ? '' : ` (${also.join(', ')})`}`;
}

/** `enableResult: ok`, or what ended it. */
export function outcomeText(outcome: Readonly<Record<string, unknown>>): string {
  return Object.entries(outcome)
    .map(([name, value]) => {
      if (typeof value === 'string') return `${name}: ${value}`;
      const { finalResult, edrResult, iccid, ...rest } = members(value);
      if (typeof edrResult === 'string') return `${name}: ${edrResult}`;
      if (typeof finalResult !== 'string') return `${name}: ${JSON.stringify(value)}`;
      const error = Object.values(rest).find((one) => typeof one === 'string');
      const about = iccid ?? error;
      return `${name}: ${finalResult}${typeof about === 'string' ? ` ${about}` : ''}`;
    })
    .join(', ');
}
