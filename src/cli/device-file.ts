/** Devices from a file of rows (row-file.ts). */
import { DeviceAddition } from '../rest/api/devices.ts';
import { ApiError, check } from '../rest/api/errors.ts';
import { type Flaw, type RowFile, type RowShape, readRows, shownField } from './row-file.ts';

/** A device, and the line where it begins. */
export interface DeviceLine {
  readonly line: number;
  readonly device: DeviceAddition;
}

export interface DeviceFile {
  readonly devices: readonly DeviceLine[];
  readonly flaws: readonly Flaw[];
  readonly cells: RowFile['cells'];
}

const shape: RowShape = {
  plural: 'devices',
  names: {
    identity: 'identity',
    pskidentity: 'identity',
    key: 'key',
    psk: 'key',
    eid: 'eids',
    eids: 'eids',
    note: 'note',
    certificate: 'certificates',
    certificates: 'certificates',
    publickey: 'publicKeys',
    publickeys: 'publicKeys',
    chain: 'chain',
    address: 'address',
  },
  memberOf,
};

/** Throws CliError where the file as a whole cannot be read. */
export function readDeviceFile(text: string): DeviceFile {
  const { rows, cells } = readRows(text, shape);
  const devices: DeviceLine[] = [];
  const flaws: Flaw[] = [];
  const seen = new Map<string, number>();
  for (const row of rows) {
    if ('message' in row) {
      flaws.push(row);
      continue;
    }
    const { line } = row;
    try {
      const device = check(DeviceAddition, row.members);
      const identity = device.identity ?? device.eids?.[0];
      const before = identity === undefined ? undefined : seen.get(identity);
      if (identity === undefined) {
        flaws.push({ line, field: 'identity', message: 'give an identity, or an EID' });
      } else if (before !== undefined) {
        flaws.push({ line, field: 'identity', message: `is that of line ${before}` });
      } else {
        seen.set(identity, line);
        devices.push({ line, device });
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      flaws.push({ line, field: shownField(error.field), message: error.message });
    }
  }
  return { devices, flaws, cells };
}

/** What text in a cell means; several of a kind stand apart by spaces, semicolons or bars. */
function memberOf(name: string, text: string): unknown {
  if (name === 'chain') return { yes: true, true: true, no: false, false: false }[text] ?? text;
  if (name !== 'eids' && name !== 'certificates' && name !== 'publicKeys') return text;
  return text.includes('-----BEGIN') ? [text] : text.split(/[\s;|]+/);
}
