/** `npm run lab -- --procedure …`: each as it happens, with its wire table, and at the end who came how far. */
import Table from 'cli-table3';
import type { Link } from '../ipa/device.ts';
import type { Binding } from '../ipa/https-stack.ts';
import { stepLine, wireTable } from '../report.ts';
import type { Fault } from '../server/faults.ts';
import { proceduresNamed } from './procedures.ts';
import { type ProcedureResult, runProcedure } from './run.ts';
import { World } from './world.ts';

export interface ProceduresOptions {
  /** As proceduresNamed takes it. */
  readonly procedure: string;
  readonly pki: string;
  readonly ports: { readonly coaps: number; readonly rest: number };
  readonly link: Link;
  readonly binding: Binding;
  readonly size?: number;
  readonly confirmationCode?: string;
  readonly typedCode?: string;
  readonly smdppFault: readonly Fault[];
  readonly smdsFault: readonly Fault[];
  readonly json: boolean;
}

/** Runs them one after the other, each with a device of its own; whether all ended as they do. */
export async function runProcedures(options: ProceduresOptions): Promise<boolean> {
  const { pki, ports, link, binding, json, size, confirmationCode, typedCode } = options;
  const say = (line: string): void => {
    if (!json) console.log(line);
  };
  const carried = binding === 'coaps' ? 'UDP payload' : 'TCP payload in segments';
  const world = await World.open({ pki, ports, link, binding });
  try {
    const results: ProcedureResult[] = [];
    for (const [name, procedure] of proceduresNamed(options.procedure) ?? []) {
      say(`\n${name}: ${procedure.about}`);
      for (const server of [world.smdpp, world.smds]) server.fault(undefined);
      for (const { kind, ...rest } of options.smdppFault) world.smdpp.fault(kind, rest);
      for (const { kind, ...rest } of options.smdsFault) world.smds.fault(kind, rest);
      const result = await runProcedure(world, {
        ...{ name, procedure, onStep: (step) => say(stepLine(step)) },
        ...(size !== undefined && { size }),
        ...(confirmationCode !== undefined && { confirmationCode }),
        ...(typedCode !== undefined && { typedCode }),
      });
      results.push(result);
      say(`\nOn the wire, ${carried}:\n${wireTable(result.wire)}`);
    }
    const ok = results.every((result) => result.ok);
    if (json) console.log(JSON.stringify({ ok, procedures: results }));
    say(`\n${procedureTable(results)}`);
    return ok;
  } finally {
    await world.close();
  }
}

function procedureTable(results: readonly ProcedureResult[]): string {
  const table = new Table({
    head: ['procedure', 'order', 'why', 'SM-DP+', 'eUICC'],
    colWidths: [null, null, 44, null, null],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  for (const { procedure, ok, order, smdp, euicc } of results) {
    const ended = order.state === 'done' ? (order.success ? 'success' : 'failed') : order.state;
    const holds = euicc.map(({ iccid, state }) => `${iccid} ${state}`).join('\n');
    const mark = ok ? '' : ' (!)';
    table.push([procedure, `${ended}${mark}`, order.reason, smdp, holds || 'nothing']);
  }
  return table.toString();
}
