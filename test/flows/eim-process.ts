/** An eIM as a process over a store: datagrams in and out, tied as in src/main.ts. It is killed and started again. */
import type { KeyObject } from 'node:crypto';
import type { Address } from '../../src/base/address.ts';
import { BoundedMap } from '../../src/base/bounded-map.ts';
import { utf8 } from '../../src/base/bytes.ts';
import type { Clock } from '../../src/base/clock.ts';
import { Drops, type LogLine, makeLog } from '../../src/base/log.ts';
import type { Random } from '../../src/base/random.ts';
import { Serial } from '../../src/base/serial.ts';
import { CoapServer } from '../../src/coap/server.ts';
import { type DtlsPeer, DtlsServer } from '../../src/dtls/server.ts';
import { openConnectionStore } from '../../src/dtls-store.ts';
import { Es9Client } from '../../src/es9/client.ts';
import type { Https } from '../../src/es9/https.ts';
import { Es11Client } from '../../src/es11/client.ts';
import { handleEsipa } from '../../src/esipa/coap.ts';
import { esipaRepeats } from '../../src/esipa/repeats.ts';
import { Devices } from '../../src/fleet/devices.ts';
import { Euiccs } from '../../src/fleet/euiccs.ts';
import { Quirks } from '../../src/fleet/quirks.ts';
import { EimIdType, generateAssociationToken } from '../../src/messages/eco.ts';
import { AddInitialEimRequest } from '../../src/messages/es10.ts';
import type { Eid } from '../../src/messages/ids.ts';
import { Orders } from '../../src/orders/orders.ts';
import type { Caller, Eim } from '../../src/procedures/eim.ts';
import { deliverNotifications } from '../../src/procedures/notification-delivery.ts';
import { Pushes } from '../../src/procedures/pushes.ts';
import { routesTo } from '../../src/reach.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { EimSigner } from '../../src/trust/eim-signer.ts';
import { Revocations } from '../../src/trust/revocations.ts';
import { Roots } from '../../src/trust/roots.ts';
import type { LabPki } from '../../tools/lab/pki/lab-pki.ts';
import { testBox } from '../support/box.ts';
import { type Death, Life } from './life.ts';

const eimId = 'eim.example.com';
const polls = { ceiling: 1000, lifetime: 24 * 3600 * 1000 };

export const psk = { type: 'psk', identity: 'dev1', key: utf8('0123456789abcdef') } as const;

export interface EimProcessOptions {
  readonly pki: LabPki;
  readonly clock: Clock;
  readonly random: Random;
  readonly connect: Pick<Https, 'post'>;
  /** Whether connections are kept in the store and live on after a start. */
  readonly keepsConnections: boolean;
  /** Further keys that it signs with. */
  readonly otherKeys: readonly KeyObject[];
  send(datagram: Uint8Array, to: Address): void;
}

interface Running {
  readonly life: Life;
  readonly eim: Eim;
  readonly dtls: DtlsServer;
  readonly coap: CoapServer<DtlsPeer>;
}

/** What the procedures see of a connection. */
function callerOf({ id, handle, credential }: DtlsPeer): { readonly caller: Caller } {
  const { type: kind } = credential;
  const identity = kind === 'anonymous' ? undefined : { kind, name: credential.identity };
  const proved = identity === undefined ? {} : { identity };
  return { caller: { peerId: id, connection: handle, ...proved } };
}

export class EimProcess {
  /** Outlives the process, as a disk does. */
  readonly store = new MemoryStore();
  readonly drops = new Drops();
  readonly lines: LogLine[] = [];
  /** How often it was killed. */
  kills = 0;
  /** Whole requests that reached ESipa, in all lives. */
  requests = 0;
  readonly #options: EimProcessOptions;
  #running: Running | undefined;

  constructor(options: EimProcessOptions) {
    this.#options = options;
  }

  get runs(): boolean {
    return this.#running !== undefined;
  }

  get eim(): Eim {
    return this.#alive.eim;
  }

  /** What DTLS and CoAP hold for peers. */
  get held() {
    const { dtls, coap } = this.#alive;
    return { ...dtls.size, ...coap.held };
  }

  /** Commits of this life so far. */
  get commits(): number {
    return this.#alive.life.commits;
  }

  /** What went wrong by our own fault. */
  get errors(): readonly LogLine[] {
    return this.lines.filter(({ level }) => level === 'error');
  }

  /** `BF57…`, for an eUICC that is to obey this eIM. */
  get addInitialEimRequest(): Uint8Array {
    const { pki } = this.#options;
    return AddInitialEimRequest.encode({
      eimConfigurationDataList: [
        {
          eimId,
          eimIdType: EimIdType.eimIdTypeFqdn,
          counterValue: 1,
          associationToken: generateAssociationToken,
          eimPublicKeyData: { type: 'eimCertificate', value: pki.eimSign.certificate },
          trustedPublicKeyDataTls: { type: 'trustedCertificateTls', value: pki.eimTls.certificate },
        },
      ],
    });
  }

  /** A datagram from the network; nobody hears it while there is no process. */
  receive(datagram: Uint8Array, from: Address): void {
    this.#running?.dtls.receive(datagram, from);
  }

  /** Begins a life, which ends with `kill`, or as agreed on: then another begins half a second later. */
  async start(death?: Death): Promise<void> {
    this.#running?.life.kill();
    const life = new Life(death, () => this.killForHalfASecond());
    const { pki, random, connect, keepsConnections, otherKeys, send } = this.#options;
    const clock = life.clock(this.#options.clock);
    const store = life.store(this.store);
    const log = (room: string) => makeLog(room, (line) => this.lines.push(line), this.drops);
    const devices = await Devices.open({ store, clock, log: log('fleet'), box: testBox() });
    const roots = Roots.of([pki.ci.certificate]);
    const eim: Eim = {
      id: eimId,
      store,
      orders: new Orders({ store, clock, random, box: testBox(), log: log('orders') }),
      euiccs: new Euiccs({ store, clock, log: log('fleet') }),
      devices,
      quirks: new Quirks({ store, clock, log: log('fleet') }),
      es9: new Es9Client({
        connect: { post: (address, request) => life.hears(connect.post(address, request)) },
        requester: eimId,
        log: log('es9'),
      }),
      es11: new Es11Client({
        connect: { post: (address, request) => life.hears(connect.post(address, request)) },
        requester: eimId,
        log: log('es9'),
      }),
      signer: EimSigner.of(pki.eimSign.key),
      otherSigners: otherKeys.map((key) => EimSigner.of(key)),
      roots,
      revocations: new Revocations({ sources: [], roots, grace: 0, stale: 'refuse' }),
      clock,
      random,
      log: log('esipa'),
      settings: {
        unknownEid: 'eidNotFound',
        boundEidsOpen: false,
        strict: false,
        maxDeliveries: 16,
        ownQuestions: 8,
        notifications: { retry: 0, retryLimit: 0, lifetime: 90 * 86_400_000 },
      },
      polls: new BoundedMap<string, Eid>({ clock, ...polls }),
      serial: new Serial(),
    };
    const resource = { paths: ['gsma/rsp2/asn1'], contentFormats: [42] };
    const coap = new CoapServer<DtlsPeer>({
      handle: (request) => {
        this.requests++;
        const { caller } = callerOf(request.peer);
        return handleEsipa(eim, resource, caller, request);
      },
      clock,
      random,
      log: log('coap'),
      repeats: esipaRepeats(600_000),
    });
    const kept = keepsConnections
      ? { kept: await openConnectionStore(store, testBox(), random) }
      : {};
    const dtls = new DtlsServer({
      ...kept,
      credentials: {
        psk: (identity) => devices.pskOf(identity),
        certificates: [{ chain: [pki.eimTls.certificate], key: pki.eimTls.key }],
      },
      clock,
      random,
      log: log('dtls'),
      deliver: (peer, data) => coap.receive(peer, data),
      closed: (peer) => coap.forget(peer),
      send: (datagram, to) => {
        if (life.alive) send(datagram, to);
      },
    });
    await dtls.ready();
    const pushes = new Pushes({
      eim,
      atOnce: 10,
      waiting: 10,
      routes: (euicc) =>
        routesTo(
          {
            devices,
            own: { key: pki.eimTls.key },
            connect: () => Promise.reject(new Error('this network has no way there')),
            recall: async (handle) => {
              const peer = await dtls.recall(handle);
              return peer && { ...callerOf(peer), peer };
            },
            ask: ({ peer }, request) =>
              coap.request(peer, request, { silence: 30_000, answer: 180_000 }),
            settings: { path: 'gsma/rsp2/asn1', contentFormat: 42 },
          },
          euicc,
        ),
    });
    this.#running = { life, eim, dtls, coap };
    pushes.start(); // as the devices' side does once it listens
    await deliverNotifications(eim); // as main does on its start, and now and again
  }

  /** This life ends at a commit counted from now on. */
  dieAt(death: Death): void {
    this.#alive.life.dieAt(death);
  }

  /** kill -9, and whoever watches over the process starts it again. */
  killForHalfASecond(): void {
    this.kills++;
    this.#running?.life.kill();
    this.#running = undefined;
    this.#options.clock.after(500, () => void this.start());
  }

  get #alive(): Running {
    if (this.#running === undefined) throw new Error('the eIM does not run');
    return this.#running;
  }
}
