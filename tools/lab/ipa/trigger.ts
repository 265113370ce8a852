/**
 * A ProfileDownloadTriggerRequest carried out (SGP.32 3.2): from the SM-DP+ that it names, from the eUICC's default
 * SM-DP+, or from those that an SM-DS has events of; through the eIM, or by the device itself.
 */
import { utf8 } from '../../../src/base/bytes.ts';
import {
  type ActivationCode,
  ActivationCodeError,
  parseActivationCode,
} from '../../../src/messages/activation-code.ts';
import { EuiccConfiguredAddressesResponse } from '../../../src/messages/es10.ts';
import { ProfileDownloadTriggerRequest } from '../../../src/messages/profile-download.ts';
import { DerError, tlv } from '../../../src/messages/tlv.ts';
import type { Card } from './card.ts';
import { type Downloaded, download } from './download.ts';
import { Es9 } from './es9.ts';
import type { DownloadHabits } from './habits.ts';
import type { Esipa } from './ipa.ts';
import { Refused, type RspServer } from './rsp-server.ts';
import type { OnStep } from './steps.ts';
import { ViaEim } from './via-eim.ts';

export interface TriggerOptions {
  readonly card: Card;
  readonly esipa: Esipa;
  readonly onStep: OnStep;
  readonly habits: DownloadHabits;
  /** `BF54…` */
  readonly trigger: Uint8Array;
}

export type Triggered =
  /** ProfileInstallationResult `BF37…`, good or bad. */
  | { readonly type: 'result'; readonly result: Uint8Array }
  /** profileDownloadError `30…` */
  | { readonly type: 'error'; readonly error: Uint8Array }
  /** Cancelled through the eIM, which therefore knows. */
  | { readonly type: 'told' };

/** How often one SM-DS may name another (SGP.22 3.6). */
const deepest = 4;

const undefinedError = 127;

export async function carryOutTrigger(options: TriggerOptions): Promise<Triggered> {
  const fail = (why: string, response = utf8(why)): Triggered => {
    options.onStep({ from: 'IPA', to: 'IPA', what: 'download', result: why });
    return { type: 'error', error: downloadError(response) };
  };
  try {
    const done = await follow(options, options.trigger, 0);
    switch (done.type) {
      case 'result':
        return done;
      case 'cancelled':
        if (options.habits.direct === undefined) return { type: 'told' };
        return fail(`cancelled: ${done.reason}`);
      case 'events':
        return fail('there is no event for this eUICC');
    }
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return fail(error.message, error.response);
  }
}

/** Where a trigger leads: of events the first that can be downloaded. */
async function follow(
  options: TriggerOptions,
  trigger: Uint8Array,
  depth: number,
): Promise<Downloaded> {
  const { card, onStep, habits } = options;
  const { name, ...source } = sourceOf(options, trigger);
  const server = serverOf(options, name, source.address);
  const done = await download({ card, server, onStep, habits, ...source });
  if (done.type !== 'events') return done;
  const known = `${done.triggers.length} of this eUICC`;
  onStep({ from: name, to: 'IPA', what: 'events', result: known });
  if (depth === deepest) throw new Refused('each SM-DS names another one');
  let last: Downloaded | Refused = done;
  for (const one of done.triggers) {
    try {
      last = await follow(options, one, depth + 1);
      if (last.type === 'result') return last;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      onStep({ from: 'IPA', to: 'IPA', what: 'event', result: error.message });
      last = error;
    }
  }
  if (last instanceof Refused) throw last;
  return last;
}

interface Source {
  readonly name: 'SM-DP+' | 'SM-DS';
  /** Absent: the eIM knows. */
  readonly address?: string;
  readonly smdpOid?: string;
  readonly matchingId: string;
}

/** Throws Refused where there is no way to know. */
function sourceOf({ card, habits }: TriggerOptions, trigger: Uint8Array): Source {
  const { profileDownloadData: data } = read(trigger);
  if (data === undefined || habits.leavesDownloadData) {
    if (habits.direct === undefined) return { name: 'SM-DP+', matchingId: '' };
    throw new Refused('the trigger does not say where the profile is');
  }
  if (data.type === 'activationCode') {
    const { smdpAddress, smdpOid, matchingId } = activationCode(data.value);
    return { name: 'SM-DP+', address: smdpAddress, matchingId, ...(smdpOid && { smdpOid }) };
  }
  const { defaultDpAddress, rootDsAddress } = EuiccConfiguredAddressesResponse.decode(
    card.transmit(tlv(0xbf3c)),
  );
  if (data.type === 'contactSmds') {
    return { name: 'SM-DS', address: data.value.smdsAddress ?? rootDsAddress, matchingId: '' };
  }
  if (!defaultDpAddress) throw new Refused('the eUICC has no default SM-DP+');
  return { name: 'SM-DP+', address: defaultDpAddress, matchingId: '' };
}

function read(trigger: Uint8Array): ProfileDownloadTriggerRequest {
  try {
    return ProfileDownloadTriggerRequest.decode(trigger);
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw new Refused(`the trigger cannot be read: ${cause.message}`, undefined, { cause });
  }
}

function activationCode(text: string): ActivationCode {
  try {
    return parseActivationCode(text);
  } catch (cause) {
    if (!(cause instanceof ActivationCodeError)) throw cause;
    throw new Refused(`the activation code ${cause.message}`, undefined, { cause });
  }
}

function serverOf(
  { esipa, onStep, trigger, habits: { direct } }: TriggerOptions,
  name: Source['name'],
  address: string | undefined,
): RspServer {
  if (direct !== undefined && address !== undefined) {
    return new Es9({ client: direct, address, name, onStep });
  }
  const { eimTransactionId } = read(trigger);
  return new ViaEim({
    esipa,
    ...(address !== undefined && { address }),
    ...(eimTransactionId && { eimTransactionId }),
  });
}

/** profileDownloadError with undefinedError (SGP.32 2.11.2.3); what a server said goes with it, within reason. */
function downloadError(response: Uint8Array): Uint8Array {
  const errorResponse = response.length > 1024 ? [] : [tlv(0x04, response)];
  return tlv(0x30, tlv(0x80, Uint8Array.of(undefinedError)), ...errorResponse);
}
