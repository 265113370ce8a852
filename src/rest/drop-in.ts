/**
 * The facilities of onomondo-eim's REST API (facts: the project's REST page): create, lookup, delete and list, so that
 * scripts written for it run unchanged. Its manners are kept: GET for all but create, a 303 after create, a timestamp
 * as text, "absent" in place of 404, and answers with exactly the members its clients know.
 */
import { z } from 'zod';
import { toHex } from '../base/bytes.ts';
import { type DropInFacility, facilities, type OrderRequest } from '../orders/order.ts';
import { check } from './api/errors.ts';
import { efIccid, eidText } from './api/ids.ts';
import { mostOperations } from './api/orders.ts';
import { DropInOutcome } from './api/outcome.ts';
import { activationCode, confirmationCode } from './api/steps.ts';
import { hexText, inputSchema, oneOf } from './checks.ts';
import { checkConfirmation } from './confirmation.ts';
import type { Desk } from './desk.ts';
import { dropInOutcome } from './drop-in-outcome.ts';
import { EuiccOrder, runEuiccOrder } from './euicc-order.ts';
import { configureAutoEnable, dataRequest, ecos, psmos } from './operations.ts';
import { refuseUnsignable } from './order-signing.ts';
import { refuseOverlong } from './order-size.ts';
import { json, ok, type Reply, type Route, route } from './route.ts';

/** `none`, in the Erlang external term format: what clients decode `debuginfo` as. */
const debuginfo = '8377046E6F6E65';

/** confirmationCode is this eIM's addition: the drop-in API has no other way to give one. */
const DownloadOrder = z.strictObject({
  download: z
    .strictObject({
      activationCode,
      confirmationCode: confirmationCode.exactOptional(),
    })
    .describe('a profile to download and install'),
});

const psmo = psmos(efIccid);

const PsmoOrder = z.strictObject({
  psmo: z
    .array(
      oneOf({
        ...psmo,
        configureAutoEnable: configureAutoEnable.describe(
          'configureImmediateEnable as SGP.32 v1.0 calls it',
        ),
        listProfileInfo: z
          .looseObject({
            taglist: hexText(1, 64).optional().describe('tagList, as some scripts write it'),
          })
          .transform(({ taglist, ...rest }) =>
            taglist === undefined ? rest : { tagList: taglist, ...rest },
          )
          .pipe(psmo.listProfileInfo)
          .describe('Ask what profiles there are'),
      }),
    )
    .min(1)
    .max(mostOperations)
    .describe('operations on profiles, one after the other'),
});

const EcoOrder = z.strictObject({
  eco: z
    .array(oneOf(ecos))
    .min(1)
    .max(mostOperations)
    .describe('operations on eIMs, one after the other'),
});

const EdrOrder = z.strictObject({
  edr: dataRequest.describe('data of eUICC, IPA and device to ask for'),
});

/** What a facility takes. `order` is looked at later; who reads the API is told what it may hold. */
const envelope = (order: z.ZodType) =>
  z.strictObject({
    eidValue: eidText.describe('EID of the eUICC: 32 digits'),
    order: z.record(z.string(), z.unknown()).meta({
      description: 'one member, named as the facility',
      oneOf: [inputSchema(order)],
    }),
  });
type Envelope = z.infer<ReturnType<typeof envelope>>;

const envelopes: Readonly<Record<DropInFacility, ReturnType<typeof envelope>>> = {
  download: envelope(DownloadOrder),
  psmo: envelope(PsmoOrder),
  eco: envelope(EcoOrder),
  edr: envelope(EdrOrder),
  euicc: envelope(EuiccOrder),
};

const Absent = z.strictObject({
  status: z.literal('absent').describe('there is no such order in this facility'),
});

/** GET /<facility>/lookup/:id. */
export const Lookup = z.union([
  z.strictObject({
    status: z
      .enum(['new', 'work', 'done'])
      .describe('new: not fetched yet; work: the device has it; done: it has ended'),
    timestamp: z
      .string()
      .regex(/^[0-9]+$/)
      .describe('of the last change of status: seconds since 1970, as text'),
    resource: z
      .strictObject({
        eidValue: z.string().describe('EID of the eUICC'),
        order: z.record(z.string(), z.unknown()).describe('as it was posted'),
      })
      .describe('what was ordered'),
    outcome: z.array(DropInOutcome).describe('[] until done, then one entry for each operation'),
    debuginfo: z.string().describe('always the same: the atom none as an Erlang external term'),
  }),
  Absent,
]);
export const Deletion = z.strictObject({
  status: z.enum(['deleted', 'absent']).describe('absent: there was no such order'),
});
export const ResourceList = z.strictObject({
  resourceIdList: z.array(z.uuid()).describe('ids of the orders of this facility'),
});

export const InfoPage = z.strictObject({
  hostname: z.string().describe('name of its machine'),
  node: z.string().describe('as an Erlang node would be called'),
  vsn: z.string().describe('version of this eIM'),
  eimId: z.string().describe('what eUICCs know it by'),
  esipaIp: z.string().describe('address on which devices are listened for'),
  esipaPort: z.int().describe('its port'),
  esipaSslCert: z.string().describe('certificate of the TLS server for devices, PEM'),
  eimCert: z.string().describe('what eUICC Packages are verified with, PEM'),
  rootCiCerts: z.array(z.string()).describe('CI roots that eUICC chains lead to, PEM'),
  addInitialEimRequest: z.string().describe('AddInitialEimRequest (SGP.32 5.9.4), hex'),
  eimConfigurationData: z.string().describe('EimConfigurationData (SGP.32 2.11.1.1.1), hex'),
  counterValue: z.int().describe('the first counterValue for eUICCs'),
  consumerEuicc: z.boolean().describe('what holds for new eUICCs'),
});

/** The routes of every facility, and the info page. */
export function dropInRoutes(desk: Desk): readonly Route[] {
  return [
    route('GET /', {
      about: 'The info page',
      gives: { 200: json(InfoPage) },
      answer: () => ok(infoPage(desk)),
    }),
    ...facilities.flatMap((facility) => facilityRoutes(desk, facility)),
  ];
}

function facilityRoutes(desk: Desk, facility: DropInFacility): readonly Route[] {
  const find = async (id: string) => {
    const order = await desk.orders.placed(id);
    return order?.facility === facility ? order : undefined;
  };
  return [
    route(`POST /${facility}/create`, {
      about: `Place an order of facility ${facility}`,
      body: envelopes[facility],
      gives: { 303: { about: 'Location: its lookup' } },
      answer: async ({ body }) => created(facility, await create(desk, facility, body)),
    }),
    route(`GET /${facility}/lookup/:id`, {
      about: `An order of facility ${facility}`,
      gives: { 200: json(Lookup) },
      answer: async ({ params: { id = '' } }) => {
        const order = await find(id);
        if (order === undefined) return ok({ status: 'absent' });
        return ok({
          status: order.state.at,
          timestamp: String(Math.floor(order.changed / 1000)),
          resource: { eidValue: order.eid, order: order.request },
          outcome: order.state.at === 'done' ? order.state.outcome.map(dropInOutcome) : [],
          debuginfo,
        });
      },
    }),
    route(`GET /${facility}/delete/:id`, {
      about: `Delete an order of facility ${facility}`,
      gives: { 200: json(Deletion) },
      answer: async ({ params: { id = '' } }) => {
        const known = (await find(id)) !== undefined;
        if (!known) return ok({ status: 'absent' });
        return ok({ status: (await desk.orders.delete(id)) ? 'deleted' : 'absent' });
      },
    }),
    route(`GET /${facility}/list`, {
      about: `The ids of the orders of facility ${facility}`,
      gives: { 200: json(ResourceList) },
      answer: async () => {
        const orders = await desk.orders.list({ facility });
        return ok({ resourceIdList: orders.map(({ id }) => id) });
      },
    }),
  ];
}

async function create(desk: Desk, facility: DropInFacility, body: Envelope): Promise<string> {
  const { eidValue: eid, order } = body;
  if (facility === 'euicc') return runEuiccOrder(desk, eid, order);
  const wanted = request(facility, order);
  refuseOverlong(desk, wanted, `order.${facility}`);
  refuseUnsignable(desk, await desk.euiccs.ensure(eid), wanted, `order.${facility}`);
  const { id } = await desk.orders.submit({ eid, facility, request: wanted });
  return id;
}

/** The order as it is kept: as it was posted, `LPA:` and misspelt names apart. */
function request(facility: Exclude<DropInFacility, 'euicc'>, order: unknown): OrderRequest {
  switch (facility) {
    case 'download': {
      const wanted = check(DownloadOrder, order, 'order');
      checkConfirmation(wanted.download, 'order.download');
      return wanted;
    }
    case 'psmo':
      return check(PsmoOrder, order, 'order');
    case 'eco':
      return check(EcoOrder, order, 'order');
    case 'edr':
      return check(EdrOrder, order, 'order');
  }
}

function created(facility: DropInFacility, id: string): Reply {
  return { status: 303, headers: { location: `/${facility}/lookup/${id}` } };
}

/** The info page, with the members that clients know; octets in hex, certificates in PEM. */
function infoPage(desk: Desk): unknown {
  const info = desk.info();
  // The clients of this page know ESipa over HTTPS.
  const esipa = info.https ?? info.coaps;
  return {
    hostname: info.hostname,
    node: `eim@${info.hostname}`,
    vsn: info.version,
    eimId: info.eimId,
    esipaIp: esipa.host,
    esipaPort: esipa.port,
    esipaSslCert: info.tlsCertificate,
    eimCert: info.eimCertificate,
    rootCiCerts: info.rootCiCertificates,
    addInitialEimRequest: toHex(info.addInitialEimRequest),
    eimConfigurationData: toHex(info.eimConfigurationData),
    counterValue: info.counterValue,
    consumerEuicc: info.consumerEuicc,
  };
}
