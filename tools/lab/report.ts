/** What the lab prints: its story as it happens, then the tables. */
import Table from 'cli-table3';
import type { BlockAgain, BlockRow } from './ipa/blocks.ts';
import type { Step, WireCount } from './ipa/steps.ts';

/** One row of the wire table: what a kind of exchange cost, over all its times. */
export interface WireRow extends WireCount {
  readonly what: string;
  readonly times: number;
}

/** Adds up what each kind of exchange cost; a poll that found nothing to do stands by itself. */
export class WireTally {
  readonly #rows = new Map<string, WireRow>();

  add({ what, result, wire }: Step): void {
    if (wire === undefined) return;
    const name = what === 'GetEimPackage' && result === 'nothing to do' ? 'poll' : what;
    const before = this.#rows.get(name) ?? empty(name);
    this.#rows.set(name, {
      what: name,
      times: before.times + 1,
      datagramsUp: before.datagramsUp + wire.datagramsUp,
      datagramsDown: before.datagramsDown + wire.datagramsDown,
      bytesUp: before.bytesUp + wire.bytesUp,
      bytesDown: before.bytesDown + wire.bytesDown,
      roundTrips: before.roundTrips + wire.roundTrips,
    });
  }

  get rows(): readonly WireRow[] {
    return [...this.#rows.values()];
  }
}

function empty(what: string): WireRow {
  return {
    what,
    times: 0,
    datagramsUp: 0,
    datagramsDown: 0,
    bytesUp: 0,
    bytesDown: 0,
    roundTrips: 0,
  };
}

/** `  IPA     → eIM     GetEimPackage            profile download trigger   1 ↑ 74 B  1 ↓ 90 B` */
export function stepLine({ from, to, what, result, wire }: Step): string {
  const head = `  ${from.padEnd(8)}→ ${to.padEnd(8)}${what.padEnd(32)}${result}`;
  if (wire === undefined) return head;
  const cost = `${wire.datagramsUp}↑ ${wire.bytesUp} B  ${wire.datagramsDown}↓ ${wire.bytesDown} B`;
  return `${head.padEnd(80)}  ${cost}`;
}

export function wireTable(rows: readonly WireRow[]): string {
  const table = new Table({
    head: [
      'device ↔ eIM',
      'times',
      'datagrams ↑',
      'datagrams ↓',
      'bytes ↑',
      'bytes ↓',
      'round trips',
    ],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  for (const row of rows) {
    table.push([
      row.what,
      row.times,
      row.datagramsUp,
      row.datagramsDown,
      row.bytesUp,
      row.bytesDown,
      row.roundTrips,
    ]);
  }
  return table.toString();
}

export function blockTable(rows: readonly BlockRow[]): string {
  const table = new Table({
    head: ['device ↔ eIM', 'blocks ↑', 'blocks ↓', 'again', 'which, and why'],
    colAligns: ['left', 'right', 'right', 'right', 'left'],
    style: { head: [], border: [] },
  });
  for (const { what, up, down, again } of rows) {
    table.push([what, up, down, again.length, again.map(againText).join('\n')]);
  }
  return table.toString();
}

/** `↓ 6: device reset`, `↓ 7 came twice: lost` */
function againText({ direction, block, how, why }: BlockAgain): string {
  const reason = why === 'lost' ? 'lost on the link' : why;
  return `${direction === 'up' ? '↑' : '↓'} ${block}${how === 'heard' ? ' came twice' : ''}: ${reason}`;
}

/** A profile as the eUICC lists it. */
export interface ProfileRow {
  /** As printed on a card. */
  readonly iccid: string;
  readonly state: string;
  readonly name: string;
  readonly aid: string;
}

export function profileTable(rows: readonly ProfileRow[]): string {
  const table = new Table({
    head: ['ICCID', 'state', 'name', 'ISD-P AID'],
    style: { head: [], border: [] },
  });
  for (const { iccid, state, name, aid } of rows) table.push([iccid, state, name, aid]);
  return table.toString();
}
