/** The parameters of an operation, as OpenAPI has them. */
import { inputSchema } from './checks.ts';
import type { Example } from './examples/asking.ts';
import type { Route } from './route.ts';

/** A part of the document. */
export type Part = Readonly<Record<string, unknown>>;

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description?: string;
  readonly schema: Part;
  readonly example?: string | number;
}

/** Those of path, query and headers, with what the example had in their places. */
export function parametersOf(route: Route, example: Example | undefined): readonly Parameter[] {
  const places = [
    [pathParameters(route), example?.params],
    [queryParameters(route), example?.query],
    [headers(route), example?.headers],
  ] as const;
  return places.flatMap(([parameters, had = {}]) =>
    parameters.map((parameter) => {
      const value = had[parameter.in === 'header' ? parameter.name.toLowerCase() : parameter.name];
      return value === undefined
        ? parameter
        : { ...parameter, example: exampleOf(parameter, value) };
    }),
  );
}

/** Parameters are text; where a number is due, it is written as one. */
function exampleOf({ schema }: Parameter, value: string): string | number {
  return schema.type === 'integer' ? Number(value) : value;
}

function pathParameters({ path }: Route): readonly Parameter[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    description: pathParameter(path, name),
    schema: { type: 'string' },
  }));
}

/** What stands in a path; the names of ids say too little. */
const ids: Readonly<Record<string, string>> = {
  orders: 'id of an order, as the answer to its POST has it',
  dtls: 'id of a connection, as GET /v1/dtls has it',
  notifications: '<eid>-<seqNumber>-<address>, as GET /v1/notifications has it',
  tokens: 'id of a token, as GET /v1/tokens has it',
};

function pathParameter(path: string, name: string): string {
  if (name === 'eid') return 'EID: 32 digits';
  if (name === 'identity') return 'name of a device';
  const [, , resource = ''] = path.split('/');
  return ids[resource] ?? 'UUID at the end of the Location that create answered';
}

function queryParameters({ query }: Route): readonly Parameter[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = inputSchema(query);
  return Object.entries(properties as Readonly<Record<string, Part>>).map(
    ([name, { description, ...schema }]) => ({
      name,
      in: 'query',
      required: (required as readonly string[]).includes(name),
      ...(typeof description === 'string' ? { description } : {}),
      schema,
    }),
  );
}

function headers({ headers: known }: Route): readonly Parameter[] {
  return Object.entries(known).map(([name, description]) => ({
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string' },
  }));
}
