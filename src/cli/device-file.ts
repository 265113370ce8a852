/** Devices from a file of rows (checked-rows.ts). */
import { DeviceAddition } from '../rest/api/devices.ts';
import { ApiError, check } from '../rest/api/errors.ts';
import { type CheckedRows, checkedRows, type RowKind } from './checked-rows.ts';

/** A device, and the line where it begins. */
export interface DeviceLine {
  readonly line: number;
  readonly device: DeviceAddition;
}

const kind: RowKind<Omit<DeviceLine, 'line'>> = {
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
  thing(members) {
    const device = check(DeviceAddition, members);
    if (identityOf(device) !== undefined) return { device };
    throw new ApiError(400, 'badInput', 'give an identity, or an EID', 'identity');
  },
  same: ({ device }) => identityOf(device) ?? '',
  twice: (line) => ({ field: 'identity', message: `is that of line ${line}` }),
};

/** Throws CliError where the file as a whole cannot be read. */
export function readDeviceFile(text: string): CheckedRows<Omit<DeviceLine, 'line'>> {
  return checkedRows(text, kind);
}

function identityOf({ identity, eids }: DeviceAddition): string | undefined {
  return identity ?? eids?.[0];
}

/** What text in a cell means; several of a kind stand apart by spaces, semicolons or bars. */
function memberOf(name: string, text: string): unknown {
  if (name === 'chain') return { yes: true, true: true, no: false, false: false }[text] ?? text;
  if (name !== 'eids' && name !== 'certificates' && name !== 'publicKeys') return text;
  return text.includes('-----BEGIN') ? [text] : text.split(/[\s;|]+/);
}
