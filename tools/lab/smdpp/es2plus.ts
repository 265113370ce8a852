/** ES2+ (SGP.22 5.3): the operator orders, confirms, releases and takes back profiles. */
import {
  type Eid,
  IdError,
  iccidDigits,
  iccidOfDigits,
  parseEid,
} from '../../../src/messages/ids.ts';
import { type Certificate, role } from '../../../src/trust/certificate.ts';
import type { Call, Route } from '../server/door.ts';
import type { Es2Function } from '../server/faults.ts';
import { PeerError } from '../server/json-client.ts';
import type { JsonAnswer, JsonRequest } from '../server/json-request.ts';
import { Refusal } from '../server/refusal.ts';
import {
  forgetOrder,
  hashOfConfirmationCode,
  isOpen,
  operatorStep,
  type ProfileOrder,
} from './order.ts';
import { deleteEvent, endSessionsOf, es12Path, eventOf } from './settle.ts';
import type { Smdp } from './smdp.ts';

type Es2 = (smdp: Smdp, request: JsonRequest, call: Call) => JsonAnswer | Promise<JsonAnswer>;

const functions: { readonly [F in Es2Function]: Es2 } = {
  downloadOrder(smdp, request, call) {
    const eid = eidIn(request, call);
    const order = chooseProfile(smdp, request);
    const next = operatorStep(order.state, { type: 'ordered', linked: eid !== undefined });
    if (next === undefined) throw new Refusal('profileInUse', order.state.at);
    order.state = next;
    if (eid !== undefined) order.eid = eid;
    return { iccid: iccidDigits(order.iccid) };
  },

  async confirmOrder(smdp, request, call) {
    const eid = eidIn(request, call);
    const order = profileIn(smdp, request);
    const release = request.flag('releaseFlag');
    const next = operatorStep(order.state, { type: 'confirmed', release });
    if (next === undefined) throw new Refusal('profileInUse', order.state.at);
    if (eid !== undefined && order.eid !== undefined && eid !== order.eid) {
      throw new Refusal('eidDiffers');
    }
    const owner = eid ?? order.eid;
    const smdsAddress = request.optionalText('smdsAddress');
    const matchingId = request.optionalText('matchingId') ?? randomMatchingId(smdp);
    if (!isMatchingId(matchingId)) throw new Refusal('matchingIdInvalid');
    if (owner === undefined && (smdsAddress !== undefined || matchingId === '')) {
      throw new Refusal('eidMissing');
    }
    if (isTaken(smdp, matchingId, owner)) throw new Refusal('matchingIdInUse');
    const code = request.optionalText('confirmationCode');
    // An event needs a name of its own, which an order of the default SM-DP+ lacks.
    if (smdsAddress !== undefined && matchingId === '') {
      throw new Refusal('matchingIdInvalid', 'an event at an SM-DS is found by its matchingId');
    }
    if (release) await registerEvent(smdp, smdsAddress, owner, matchingId);
    order.state = next;
    order.matchingId = matchingId;
    if (owner !== undefined) order.eid = owner;
    if (code !== undefined) order.confirmationCodeHash = hashOfConfirmationCode(code);
    if (smdsAddress !== undefined) order.smdsAddress = smdsAddress;
    if (release) startLife(smdp, order);
    return { ...(owner && { eid: owner }), matchingId, smdpAddress: smdp.address };
  },

  async releaseProfile(smdp, request) {
    const order = profileIn(smdp, request);
    const next = operatorStep(order.state, { type: 'released' });
    if (next === undefined) throw new Refusal('transitionInvalid', order.state.at);
    await registerEvent(smdp, order.smdsAddress, order.eid, order.matchingId ?? '');
    order.state = next;
    startLife(smdp, order);
    return {};
  },

  cancelOrder(smdp, request, call) {
    const eid = eidIn(request, call);
    const final = request.optionalText('finalProfileStatusIndicator');
    if (final === undefined) throw new Refusal('iccidMissing', 'finalProfileStatusIndicator');
    if (final !== 'Available' && final !== 'Unavailable') {
      throw new Refusal('malformed', 'finalProfileStatusIndicator');
    }
    const order = profileIn(smdp, request, 'iccidMissing');
    const next = operatorStep(order.state, {
      type: 'withdrawn',
      final: final === 'Available' ? 'available' : 'unavailable',
    });
    if (next === undefined) throw new Refusal('profileInUse', order.state.at);
    if (order.eid !== undefined && eid === undefined) throw new Refusal('eidMissing');
    if (eid !== order.eid) throw new Refusal('eidDiffers');
    const matchingId = request.optionalText('matchingId');
    if (matchingId !== undefined && matchingId !== order.matchingId) {
      throw new Refusal('matchingIdDiffers');
    }
    if (isOpen(order.state)) deleteEvent(smdp, order);
    endSessionsOf(smdp, order);
    forgetOrder(order);
    order.state = next;
    return {};
  },

  getProfileStatus(smdp, request) {
    const list = request.value('iccidList');
    if (list === undefined) throw new Refusal('missing', 'iccidList');
    if (!Array.isArray(list)) throw new Refusal('malformed', 'iccidList');
    const profileStatusList = list.map((one: unknown) => {
      const text: unknown = Reflect.get(Object(one), 'iccid');
      if (typeof text !== 'string') throw new Refusal('malformed', 'iccidList');
      const { iccid, state, eid, matchingId } = findProfile(smdp, text);
      return {
        iccid: iccidDigits(iccid),
        state: state.at,
        ...(eid && { eid }),
        ...(matchingId !== undefined && { acToken: matchingId }),
      };
    });
    return { profileStatusList };
  },
};

/** The routes of ES2+. One call at a time: an order that waits for its SM-DS is not ordered anew meanwhile. */
export function es2Routes(smdpOf: () => Smdp, operators: readonly string[]): [string, Route][] {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (run: () => JsonAnswer | Promise<JsonAnswer>): Promise<JsonAnswer> => {
    const mine = last.then(run);
    last = mine.catch(() => {});
    return mine;
  };
  const names = Object.keys(functions) as Es2Function[];
  return names.map((name) => [
    `/gsma/rsp2/es2plus/${name}`,
    {
      function: name,
      allows: (client) => isOperator(client, operators),
      run: (request, call) =>
        inTurn(() => {
          if (request.value('header') === undefined) throw new Refusal('missing', 'header');
          return functions[name](smdpOf(), request, call);
        }),
    },
  ]);
}

/** A client with the OID of an operator, and of none of the roles of RSP. */
function isOperator(client: Certificate | undefined, operators: readonly string[]): boolean {
  const [oid, ...others] = client?.registeredIds ?? [];
  if (client === undefined || oid === undefined || others.length > 0) return false;
  const roles: readonly string[] = Object.values(role);
  return operators.includes(oid) && !client.policies.some((policy) => roles.includes(policy));
}

function eidIn(request: JsonRequest, call: Call): Eid | undefined {
  const text = request.optionalText('eid');
  if (text === undefined) return undefined;
  try {
    const eid = parseEid(text);
    call.eid = eid;
    return eid;
  } catch (cause) {
    if (!(cause instanceof IdError)) throw cause;
    throw new Refusal('eidInvalid', cause.message, { cause });
  }
}

function profileIn(
  smdp: Smdp,
  request: JsonRequest,
  missing: 'missing' | 'iccidMissing' = 'missing',
): ProfileOrder {
  const iccid = request.optionalText('iccid');
  if (iccid === undefined) throw new Refusal(missing, 'iccid');
  return findProfile(smdp, iccid);
}

/** By printed digits; those of 19 may have an F behind them. */
function findProfile(smdp: Smdp, text: string): ProfileOrder {
  const digits = text.replace(/f$/i, '');
  if (!/^[0-9]{18,20}$/.test(digits)) throw new Refusal('iccidUnknown', 'not an ICCID');
  const order = smdp.orders.withIccid(iccidOfDigits(digits));
  if (order === undefined) throw new Refusal('iccidUnknown');
  return order;
}

/** The profile that is ordered: by its ICCID, or the first of its type that is available. */
function chooseProfile(smdp: Smdp, request: JsonRequest): ProfileOrder {
  const profileType = request.optionalText('profileType');
  const iccid = request.optionalText('iccid');
  if (iccid !== undefined) {
    const order = findProfile(smdp, iccid);
    if (profileType !== undefined && profileType !== order.profileType) {
      throw new Refusal('profileTypeMismatch');
    }
    return order;
  }
  if (profileType === undefined) throw new Refusal('missing', 'iccid or profileType');
  const ofType = smdp.orders.ofType(profileType);
  if (ofType.length === 0) throw new Refusal('profileTypeUnknown');
  const free = ofType.find(({ state }) => state.at === 'available');
  if (free === undefined) throw new Refusal('profileTypeExhausted');
  return free;
}

/** Whether another order would be found by it. */
function isTaken({ orders }: Smdp, matchingId: string, eid: Eid | undefined): boolean {
  const found = orders.find(matchingId, eid);
  return found !== undefined && (matchingId !== '' || isOpen(found.state));
}

/** ES12.RegisterEvent, where the order names an SM-DS. Throws Refusal. */
export async function registerEvent(
  smdp: Smdp,
  smdsAddress: string | undefined,
  eid: Eid | undefined,
  matchingId: string,
): Promise<void> {
  if (smdsAddress === undefined || eid === undefined) return;
  const refusal = await registered(smdp, smdsAddress, eid, matchingId);
  if (refusal !== undefined) throw new Refusal('smdsRefused', refusal);
}

async function registered(smdp: Smdp, address: string, eid: Eid, eventId: string) {
  try {
    const { refusal } = await smdp.client.post({
      address,
      path: `${es12Path}/registerEvent`,
      body: eventOf(smdp, eid, eventId),
      role: role.dsTls,
    });
    return refusal;
  } catch (cause) {
    if (!(cause instanceof PeerError)) throw cause;
    throw new Refusal('smdsUnreachable', cause.message, { cause });
  }
}

function startLife({ limits, clock }: Smdp, order: ProfileOrder): void {
  if (limits.orderLifetime !== undefined) order.expires = clock.now() + limits.orderLifetime;
}

/** Capital letters, digits and hyphens (SGP.22 4.1). */
export function isMatchingId(text: string): boolean {
  return /^[A-Z0-9-]{0,64}$/.test(text);
}

/** Four groups of four, from letters and digits that are not mistaken for each other. */
export function randomMatchingId({ random }: Pick<Smdp, 'random'>): string {
  const alphabet = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
  const characters = Array.from(random(16), (octet) => alphabet[octet % alphabet.length]).join('');
  return characters.replace(/(.{4})(?=.)/g, '$1-');
}
