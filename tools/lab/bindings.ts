/** The main job over each binding of ESipa, and what it cost over each, side by side. */
import Table from 'cli-table3';
import { Option } from 'commander';
import type { Binding } from './ipa/https-stack.ts';
import { type LabOptions, type LabResult, runLab } from './lab.ts';
import type { WireRow } from './report.ts';

export const bindings: readonly Binding[] = ['coaps', 'https-asn1', 'https-json'];

export const bindingOption = () =>
  new Option('--binding <which>', 'how ESipa travels; all: each, and what it costs side by side')
    .choices([...bindings, 'all'])
    .default('coaps');

/** The same of a device alone, which speaks one. */
export const deviceBindingOption = () =>
  new Option('--binding <which>', 'how its ESipa travels; over HTTPS to where https.port listens')
    .choices(bindings)
    .default('coaps');

/** What `--binding` says. */
export type BindingChoice = Binding | 'all';

export type BindingResults = { readonly [B in Binding]: LabResult };

/** What of the other options needs CoAP; undefined where nothing does. */
export function needsCoap(options: {
  readonly link: string;
  readonly stack: string;
  readonly pcap?: string | undefined;
  readonly push?: boolean | undefined;
  readonly ordeal: object;
}): string | undefined {
  if (options.link !== 'lan') return '--link';
  if (options.stack !== 'own') return '--stack';
  if (options.pcap !== undefined) return '--pcap';
  if (options.push === true) return '--push';
  return Object.keys(options.ordeal).length > 0 ? '--rebind, --reset or --restart' : undefined;
}

/** One after the other. Throws StepFailed. */
export async function runBindings(options: LabOptions): Promise<BindingResults> {
  return {
    coaps: await runLab({ ...options, binding: 'coaps' }),
    'https-asn1': await runLab({ ...options, binding: 'https-asn1' }),
    'https-json': await runLab({ ...options, binding: 'https-json' }),
  };
}

/** Octets up and down and round trips of each exchange: those of UDP or TCP, without their headers. */
export function bindingTable(results: BindingResults): string {
  const table = new Table({
    head: ['device ↔ eIM', ...bindings.flatMap((name) => [`${name} ↑`, '↓', 'round trips'])],
    colAligns: ['left', ...bindings.flatMap(() => ['right', 'right', 'right'] as const)],
    style: { head: [], border: [] },
  });
  for (const row of sideBySide(results)) table.push([...row]);
  return table.toString();
}

/** The rows of that table. */
export function sideBySide(results: BindingResults): readonly (readonly (string | number)[])[] {
  const names = new Set(bindings.flatMap((name) => results[name].wire.map(({ what }) => what)));
  const rows = [...names].map((what) => [
    what,
    ...bindings.flatMap((name) => cells(results[name].wire.filter((row) => row.what === what))),
  ]);
  return [...rows, ['in all', ...bindings.flatMap((name) => cells(results[name].wire))]];
}

function cells(rows: readonly WireRow[]): readonly number[] {
  const sum = (of: (row: WireRow) => number) => rows.reduce((total, row) => total + of(row), 0);
  return [sum((row) => row.bytesUp), sum((row) => row.bytesDown), sum((row) => row.roundTrips)];
}
