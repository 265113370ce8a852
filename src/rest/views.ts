/** What the eIM keeps, as /v1 answers it: times as ISO 8601, octets as hex, ICCIDs in both forms. */

import { addressText } from '../base/address.ts';
import { toHex } from '../base/bytes.ts';
import type { ConnectionFacts } from '../base/connection-facts.ts';
import type { DeviceView as KnownDevice } from '../fleet/device.ts';
import {
  counterWarning,
  type EuiccRecord,
  largestCounter,
  type ProfileRecord,
} from '../fleet/euiccs.ts';
import type { Origin } from '../fleet/knowledge.ts';
import { pollInterval } from '../fleet/poll-times.ts';
import { levelOf } from '../fleet/protocol-level.ts';
import { EimIdType } from '../messages/eco.ts';
import { nameOf } from '../messages/primitives.ts';
import type { Order } from '../orders/order.ts';
import type { ConnectionView } from './api/connections.ts';
import type { DeviceView } from './api/devices.ts';
import type { EuiccView } from './api/euiccs.ts';
import { bothIccids } from './api/ids.ts';
import type { InfoView } from './api/info.ts';
import type { NotificationView } from './api/notifications.ts';
import type { OrderView } from './api/orders.ts';
import type { FleetProfileView, ProfileView } from './api/profiles.ts';
import type { Info, Notification } from './desk.ts';
import { readableOutcome, stepViews } from './order-steps.ts';
import { signingPoint } from './own-signing-key.ts';
import { readableData } from './readable-data.ts';

export function orderView(order: Order): OrderView {
  const { state } = order;
  return {
    id: order.id,
    eid: order.eid,
    facility: order.facility,
    steps: [...stepViews(order)],
    ...(order.push === true ? { push: true } : {}),
    ...(order.byEim === undefined ? {} : { byEim: order.byEim }),
    state: state.at,
    ...(state.at === 'done' ? { success: state.success } : {}),
    ...(state.at === 'done' && state.unproven === true ? { unproven: true } : {}),
    outcome: state.at === 'done' ? state.outcome.map(readableOutcome) : [],
    reason: state.at === 'done' ? state.reason : '',
    submitted: time(order.submitted),
    changed: time(order.changed),
    ...(state.at === 'work' ? { deliveries: state.dispatch.deliveries } : {}),
    history: order.history.map(({ at, event, detail }) => ({
      at: time(at),
      event,
      ...(detail === undefined ? {} : { detail }),
    })),
    version: versionOf(order),
  };
}

/** Another text after each change of an order; its history alone does not tell, since that is cut to a length. */
export function versionOf(order: Order): string {
  const deliveries = order.state.at === 'work' ? order.state.dispatch.deliveries : 0;
  const last = order.history.at(-1)?.at ?? order.submitted;
  return [order.state.at, order.changed, order.history.length, last, deliveries].join('-');
}

export function notificationView(notification: Notification): NotificationView {
  const { iccid, received, lastTry, nextTry, pendingNotification, ...rest } = notification;
  return {
    ...rest,
    ...(iccid === undefined ? {} : bothIccids(iccid)),
    received: time(received),
    ...(lastTry === undefined ? {} : { lastTry: time(lastTry) }),
    ...(nextTry === undefined ? {} : { nextTry: time(nextTry) }),
    pendingNotification: toHex(pendingNotification),
  };
}

export function deviceView(device: KnownDevice): DeviceView {
  const { identity, eids, added, note, address, keys, certificates, publicKeys, chain, revoked } =
    device;
  return {
    identity,
    eids,
    added: time(added),
    ...(note === undefined ? {} : { note }),
    ...(address === undefined ? {} : { address: addressText(address) }),
    psk: keys === 0 ? 'none' : keys === 1 ? 'one' : 'rotating',
    ...(certificates.length === 0 ? {} : { certificates }),
    ...(publicKeys.length === 0 ? {} : { publicKeys }),
    ...(chain ? { chain } : {}),
    ...(revoked === undefined ? {} : { revoked: time(revoked) }),
  };
}

export function euiccView(euicc: EuiccRecord): EuiccView {
  const { publicKey, profiles, firstContact, lastContact, lastPeer } = euicc;
  const signingKey = signingPoint(euicc);
  return {
    eid: euicc.eid,
    counterValue: euicc.counterValue,
    ...counterLeft(euicc),
    associationToken: euicc.associationToken,
    consumerEuicc: euicc.consumerEuicc,
    signAlgo: euicc.signAlgo,
    ...(publicKey === undefined ? {} : { signPubKey: toHex(publicKey) }),
    ...(signingKey === undefined ? {} : { signingKey }),
    level: levelOf(euicc).level,
    levelFrom: levelOf(euicc).by,
    proof: proofOf(euicc),
    stateChangeCauseList: euicc.stateChangeCauseList,
    ...(profiles === undefined
      ? {}
      : {
          profiles: profiles.list.map(profileView),
          profilesAt: time(profiles.since),
          ...(profiles.partial === true ? { profilesPartial: true } : {}),
        }),
    ...dataView(euicc),
    ...knowledgeView(euicc),
    added: time(euicc.added),
    ...(firstContact === undefined ? {} : { firstContact: time(firstContact) }),
    ...(lastContact === undefined ? {} : { lastContact: time(lastContact) }),
    ...(lastPeer === undefined ? {} : { lastPeer }),
    ...pollView(euicc),
  };
}

function profileView({ iccid, isdpAid, ...profile }: ProfileRecord): ProfileView {
  return {
    ...bothIccids(iccid),
    ...(isdpAid === undefined ? {} : { isdpAid: toHex(isdpAid) }),
    ...profile,
  };
}

/** Its profiles as some of the fleet's, by ICCID. */
export function profileViews({ eid, profiles }: EuiccRecord): readonly FleetProfileView[] {
  const { list = [], since = 0 } = profiles ?? {};
  return list
    .map((profile) => ({ eid, ...profileView(profile), told: time(since) }))
    .sort((a, b) => (a.efIccid < b.efIccid ? -1 : 1));
}

/** How facts are known; a token that nobody told is the one of a new eUICC. */
function knowledgeView({
  added,
  origins,
  doubts,
  outstanding,
  lastStateChange: change,
}: EuiccRecord): Pick<EuiccView, 'known' | 'doubts' | 'outstanding' | 'lastStateChange'> {
  const assumed: Origin = { at: added, source: 'as on a new eUICC', sure: 'inferred' };
  const known = Object.entries({ associationToken: assumed, ...origins }).map(
    ([name, { at, source, sure }]) =>
      [name === 'publicKey' ? 'signPubKey' : name, { since: time(at), source, sure }] as const,
  );
  return {
    known: Object.fromEntries(known),
    doubts: Object.fromEntries(
      Object.entries(doubts).map(([topic, { since, why, asked }]) => [
        topic,
        { since: time(since), why, asked },
      ]),
    ),
    ...(outstanding === undefined
      ? {}
      : {
          outstanding: {
            order: outstanding.orderId,
            ...(outstanding.counterValue === undefined
              ? {}
              : { counterValue: outstanding.counterValue }),
          },
        }),
    ...(change === undefined
      ? {}
      : { lastStateChange: { cause: change.cause, at: time(change.at) } }),
  };
}

function pollView({ polls }: EuiccRecord): Pick<EuiccView, 'pollInterval' | 'nextContact'> {
  const interval = polls && pollInterval(polls);
  if (polls === undefined || interval === undefined) return {};
  return {
    pollInterval: Math.round(interval / 1000),
    nextContact: time(polls.began + interval),
  };
}

function counterLeft({ counterValue }: EuiccRecord): Partial<EuiccView> {
  const left = largestCounter - counterValue;
  return left < counterWarning ? { counterLeft: left } : {};
}

function proofOf({ consumerEuicc, publicKey, origins }: EuiccRecord): EuiccView['proof'] {
  if (consumerEuicc) return 'unproven';
  if (publicKey === undefined) return 'none';
  return origins.publicKey?.sure === 'set' ? 'operator' : 'certificates';
}

/** What the IPA and the eUICC told of themselves. */
function dataView(euicc: EuiccRecord): Partial<EuiccView> {
  const { eims, defaultSmdpAddress, rootSmdsAddress } = euicc;
  const { euiccInfo1, euiccInfo2, ipaCapabilities, deviceInfo } = euicc;
  const { euiccCertificate, eumCertificate } = euicc;
  const octets = { euiccInfo1, euiccInfo2, ipaCapabilities, deviceInfo };
  const certificates = { euiccCertificate, eumCertificate };
  return {
    ...(eims === undefined
      ? {}
      : {
          eims: eims.list.map(({ eimId, eimIdType }) => ({
            eimId,
            ...(eimIdType === undefined ? {} : { eimIdType: nameOf(EimIdType, eimIdType) }),
          })),
          eimsAt: time(eims.since),
        }),
    ...(defaultSmdpAddress === undefined ? {} : { defaultSmdpAddress }),
    ...(rootSmdsAddress === undefined ? {} : { rootSmdsAddress }),
    ...Object.fromEntries(
      Object.entries({ ...octets, ...certificates }).flatMap(([name, der]) =>
        der === undefined ? [] : [[name, readableData(name, der)]],
      ),
    ),
  };
}

export function infoView(info: Info): InfoView {
  return {
    version: info.version,
    hostname: info.hostname,
    started: time(info.started),
    eimId: info.eimId,
    ...(info.eimFqdn === undefined ? {} : { eimFqdn: info.eimFqdn }),
    coaps: info.coaps,
    ...(info.https === undefined ? {} : { https: info.https }),
    eimConfigurationData: toHex(info.eimConfigurationData),
    addInitialEimRequest: toHex(info.addInitialEimRequest),
    eimCertificate: info.eimCertificate,
    tlsCertificate: info.tlsCertificate,
    drops: info.drops,
    warnings: info.warnings,
  };
}

function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

export function connectionView(connection: ConnectionFacts): ConnectionView {
  const { address, credential, began, lastContact, ...facts } = connection;
  return {
    ...facts,
    address: addressText(address),
    credential: credential.type,
    ...(credential.type === 'anonymous' ? {} : { identity: credential.identity }),
    began: time(began),
    lastContact: time(lastContact),
  };
}
