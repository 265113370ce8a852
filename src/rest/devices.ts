/** /v1/devices: who may connect, one by one and by the thousand. Keys come in, and go out once, when they are made. */
import { type Address, parseAddress } from '../base/address.ts';
import { hex, toHex } from '../base/bytes.ts';
import type { NewDevice } from '../fleet/device.ts';
import type { Added } from '../fleet/devices.ts';
import {
  coapsPort,
  DeviceAddition,
  DeviceBatch,
  DeviceBatchView,
  DeviceChange,
  DeviceList,
  DeviceQuery,
  type DeviceResult,
  DeviceRotation,
  DeviceView,
  NewDeviceView,
} from './api/devices.ts';
import { ApiError, badInput, check } from './api/errors.ts';
import type { Desk } from './desk.ts';
import { pageOf } from './paging.ts';
import { deviceRefusal, errorBody } from './refusal.ts';
import { gone, json, nextOf, notFound, ok, type Route, route } from './route.ts';
import { deviceView } from './views.ts';

/** Octets of a PSK made here: AES-128's worth, and what small stacks hold. */
const madeKey = 16;

/** Entries of a list where the query says nothing. */
const page = 1000;

export function deviceRoutes(desk: Desk): readonly Route[] {
  const { devices } = desk;
  return [
    route('POST /v1/devices', {
      about: 'Add a device',
      body: DeviceAddition,
      gives: { 201: json(NewDeviceView, 'the device, with its PSK this once') },
      answer: async ({ body }) => {
        const device = newDevice(desk, body);
        const added = await devices.add(device);
        const location = `/v1/devices/${encodeURIComponent(device.identity)}`;
        return {
          status: 201,
          headers: { location },
          body: { ...deviceView(added), ...keyOf(device) },
        };
      },
    }),
    route('POST /v1/devices/batch', {
      about: 'Add up to 500 devices, each checked for itself',
      body: DeviceBatch,
      gives: { 200: json(DeviceBatchView, 'what became of each, in order') },
      answer: async ({ body }) => ok({ results: await addBatch(desk, body) }),
    }),
    route('GET /v1/devices', {
      about: 'Devices, by name, without their PSKs',
      query: DeviceQuery,
      gives: { 200: json(DeviceList) },
      answer: async ({ query: { eid, revoked, after, limit = page } }) => {
        const list = await pageOf({
          limit,
          after,
          read: (behind, most) =>
            devices.list({ ...(behind === undefined ? {} : { after: behind }), limit: most }),
          keep: (device) =>
            (eid === undefined || device.eids.includes(eid)) &&
            (revoked === undefined || (device.revoked !== undefined) === revoked),
          name: ({ identity }) => identity,
        });
        return ok({
          devices: list.map(deviceView),
          ...nextOf(list, limit, ({ identity }) => identity),
        });
      },
    }),
    route('GET /v1/devices/:identity', {
      about: 'A device, without its PSK',
      gives: { 200: json(DeviceView) },
      answer: ({ params: { identity = '' } }) => {
        const device = devices.get(identity);
        if (device === undefined) throw notFound('device', identity);
        return ok(deviceView(device));
      },
    }),
    route('PATCH /v1/devices/:identity', {
      about: 'Say where a device listens',
      body: DeviceChange,
      gives: { 200: json(DeviceView) },
      answer: async ({ params: { identity = '' }, body: { address } }) =>
        ok(
          deviceView(
            await devices.setAddress(identity, address === null ? undefined : addressOf(address)),
          ),
        ),
    }),
    route('POST /v1/devices/:identity/rotate', {
      about: 'Give a device another PSK',
      body: DeviceRotation,
      gives: { 200: json(NewDeviceView, 'the device, with its PSK this once') },
      answer: async ({ params: { identity = '' }, body: { key, dropOld = false } = {} }) => {
        const psk = key === undefined ? desk.random(madeKey) : hex(key);
        const rotated = await devices.rotate(identity, psk, { dropOld });
        return ok({ ...deviceView(rotated), ...keyOf({ key: psk }) });
      },
    }),
    route('POST /v1/devices/:identity/revoke', {
      about: 'Take none of the credentials of a device any more',
      gives: { 200: json(DeviceView) },
      answer: async ({ params: { identity = '' } }) =>
        ok(deviceView(await devices.revoke(identity))),
    }),
    route('DELETE /v1/devices/:identity', {
      about: 'Delete a device',
      gives: gone,
      answer: async ({ params: { identity = '' } }) => {
        if (!(await devices.remove(identity))) throw notFound('device', identity);
        return { status: 204 };
      },
    }),
  ];
}

/** The device that is asked for, with a PSK of our making where it brings no credential. */
function newDevice(desk: Desk, addition: DeviceAddition): NewDevice {
  const { eids = [], identity = eids[0], key, certificates, publicKeys, chain } = addition;
  const { note, address } = addition;
  if (identity === undefined) throw badInput('identity', 'give an identity, or an EID');
  const proves = [key, certificates?.[0], publicKeys?.[0], chain || undefined];
  const made = proves.every((one) => one === undefined) ? desk.random(madeKey) : undefined;
  const psk = key === undefined ? made : hex(key);
  return {
    identity,
    eids,
    ...(psk === undefined ? {} : { key: psk }),
    ...(certificates === undefined ? {} : { certificates }),
    ...(publicKeys === undefined ? {} : { publicKeys }),
    ...(chain === undefined ? {} : { chain }),
    ...(note === undefined ? {} : { note }),
    ...(address === undefined ? {} : { address: addressOf(address) }),
  };
}

async function addBatch(
  desk: Desk,
  { devices, ...options }: { devices: readonly unknown[]; replace?: boolean; dryRun?: boolean },
): Promise<readonly DeviceResult[]> {
  const read = devices.map((one) => readOne(desk, one));
  const wanted = read.flatMap((one) => ('device' in one ? [one.device] : []));
  const added = (await desk.devices.addAll(wanted, options)).values();
  return read.map((one) => {
    if ('refused' in one) return refusedResult(one.refused);
    const { value } = added.next();
    if (value === undefined) throw new Error('a device without an answer');
    return resultOf(value, one, options.dryRun === true);
  });
}

/** A device of a batch, and whether its key was made here; or why it is none. */
type ReadOne =
  | { readonly device: NewDevice; readonly made: boolean }
  | { readonly refused: ApiError };

function readOne(desk: Desk, input: unknown): ReadOne {
  try {
    const addition = check(DeviceAddition, input);
    const device = newDevice(desk, addition);
    return { device, made: addition.key === undefined && device.key !== undefined };
  } catch (error) {
    if (error instanceof ApiError) return { refused: error };
    throw error;
  }
}

function resultOf(
  added: Added,
  { device, made }: { readonly device: NewDevice; readonly made: boolean },
  dryRun: boolean,
): DeviceResult {
  if (added.type === 'refused') return refusedResult(deviceRefusal(added.error));
  const shown = made && !dryRun && added.type !== 'unchanged';
  return { status: added.type, identity: device.identity, ...(shown ? keyOf(device) : {}) };
}

function refusedResult(refusal: ApiError): DeviceResult {
  return { status: 'refused', ...errorBody(refusal).error };
}

function addressOf(text: string): Address {
  const address = parseAddress(text, coapsPort);
  if (address === undefined) throw badInput('address', 'is no IP address');
  return address;
}

function keyOf({ key }: Pick<NewDevice, 'key'>): { readonly key?: string } {
  return key === undefined ? {} : { key: toHex(key) };
}
