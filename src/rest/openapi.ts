/**
 * The API as an OpenAPI 3.1 document, made of the table of routes: what checks a request describes it, and so does what
 * states an answer.
 */
import { z } from 'zod';
import { ConnectionList, ConnectionView } from './api/connections.ts';
import { DeviceBatchView, DeviceList, DeviceView, NewDeviceView } from './api/devices.ts';
import { ErrorBody } from './api/errors.ts';
import { EuiccList, EuiccView } from './api/euiccs.ts';
import { EventList, EventView } from './api/events.ts';
import { InfoView } from './api/info.ts';
import { NotificationList, NotificationRetryView, NotificationView } from './api/notifications.ts';
import { OrderBatchView, OrderList, OrderResult, OrderView } from './api/orders.ts';
import { DropInOutcome, OutcomeView } from './api/outcome.ts';
import { FleetProfileView, ProfileList, ProfileView } from './api/profiles.ts';
import { QuirkOverview, QuirksOfEuicc } from './api/quirks.ts';
import { StepView } from './api/step-view.ts';
import { NewTokenView, TokenList, TokenView } from './api/tokens.ts';
import { inputSchema, plain } from './checks.ts';
import { Deletion, InfoPage, Lookup, ResourceList } from './drop-in.ts';
import type { Example, Examples } from './examples/asking.ts';
import { type Parameter, type Part, parametersOf } from './openapi-parameters.ts';
import type { Gives, Route } from './route.ts';

/** Answers that have a name of their own in the document. */
const named: Readonly<Record<string, z.ZodType>> = {
  ConnectionList,
  ConnectionView,
  Deletion,
  DeviceBatchView,
  DeviceList,
  DeviceView,
  DropInOutcome,
  ErrorBody,
  EuiccList,
  EuiccView,
  EventList,
  EventView,
  FleetProfileView,
  InfoPage,
  InfoView,
  Lookup,
  NewDeviceView,
  NewTokenView,
  NotificationList,
  NotificationRetryView,
  NotificationView,
  OrderBatchView,
  OrderList,
  OrderResult,
  OrderView,
  OutcomeView,
  ProfileList,
  ProfileView,
  QuirkOverview,
  QuirksOfEuicc,
  ResourceList,
  StepView,
  TokenList,
  TokenView,
};

export interface OpenApi {
  readonly openapi: '3.1.0';
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly Part[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Part;
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly security: readonly Part[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Part;
  readonly responses: Part;
}

const tags: Readonly<Record<string, string>> = {
  orders: 'What devices are to do',
  events: 'What happens to orders',
  devices: 'Who may connect',
  euiccs: 'What is known of eUICCs',
  profiles: 'Profiles of all eUICCs',
  notifications: 'What SM-DP+s do not have yet',
  dtls: 'Connections of devices',
  quirks: 'Deviations from the standard',
  tokens: 'Who may call this API',
  eim: 'The eIM itself',
  'drop-in': 'The facilities of onomondo-eim',
};

/** `examples`: of each route, where there are some. */
export function openApiOf(routes: readonly Route[], version: string, examples: Examples): OpenApi {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = {
      ...paths[path],
      [route.method.toLowerCase()]: operationOf(route, examples.of.get(route.key)),
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'coap-eim',
      version,
      description:
        'eSIM IoT remote manager (eIM, GSMA SGP.32). Times are ISO 8601 in UTC, octets hex.',
    },
    servers: [{ url: '/' }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: components(),
      responses: {
        Error: {
          description: 'refused; `code` and `field` may be relied on',
          content: {
            'application/json': { schema: reference('ErrorBody'), example: examples.refusal },
          },
        },
      },
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function operationOf(route: Route, example: Example | undefined): Operation {
  const parameters = parametersOf(route, example);
  const open = route.role === 'open';
  return {
    operationId: route.key
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '_')
      .replace(/_$/, ''),
    tags: [tagOf(route.path)],
    summary: route.about,
    description: open ? 'Without a token.' : `Role: ${route.role}.`,
    // On a loopback address no token may be needed.
    security: open ? [] : [{ token: [] }, {}],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined ? {} : { requestBody: bodyOf(route.body, example?.body) }),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.gives).map(([status, gives]) => [
          status,
          responseOf(gives, example?.answers[status] ?? {}),
        ]),
      ),
      ...(open ? {} : { default: { $ref: '#/components/responses/Error' } }),
    },
  };
}

function tagOf(path: string): string {
  const [, first = '', second = ''] = path.split('/');
  if (path.endsWith('/events')) return 'events';
  if (first === 'v1') return Object.hasOwn(tags, second) ? second : 'eim';
  return ['', 'healthz', 'readyz', 'metrics'].includes(first) ? 'eim' : 'drop-in';
}

function bodyOf(schema: z.ZodType, example: unknown): Part {
  return {
    required: !schema.safeParse(undefined).success,
    content: {
      'application/json': {
        schema: inputSchema(schema),
        ...(example === undefined ? {} : { example }),
      },
    },
  };
}

/** `examples`: by media type. */
function responseOf(
  { about, schema, type }: Gives,
  examples: Readonly<Record<string, unknown>>,
): Part {
  const schemas = {
    ...(schema === undefined ? {} : { 'application/json': schemaOf(schema) }),
    ...(type === undefined ? {} : { [type]: { type: 'string' } }),
  };
  const content = Object.fromEntries(
    Object.entries(schemas).map(([of, schema]) => {
      const example = examples[of];
      return [of, { schema, ...(example === undefined ? {} : { example }) }];
    }),
  );
  return { description: about, ...(Object.keys(content).length === 0 ? {} : { content }) };
}

function schemaOf(schema: z.ZodType): Part {
  const [name] = Object.entries(named).find(([, one]) => one === schema) ?? [];
  if (name !== undefined) return reference(name);
  const { $schema: _, ...found } = z.toJSONSchema(schema, {
    override: ({ jsonSchema }) => plain(jsonSchema),
  });
  return found;
}

/** The named answers, which refer to each other. */
function components(): Part {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    uri: (id) => `#/components/schemas/${id}`,
    override: ({ jsonSchema }) => plain(jsonSchema),
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $id: _, $schema: __, id: ___, ...schema }]) => [
      id,
      schema,
    ]),
  );
}

function reference(name: string): Part {
  return { $ref: `#/components/schemas/${name}` };
}
