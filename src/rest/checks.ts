/** Checks that the shapes of orders, devices and eUICCs are made of. */
import { z } from 'zod';
import { BytesError } from '../base/bytes.ts';
import { inWords } from '../base/complaints.ts';
import { DurationError } from '../base/duration.ts';
import { readBy } from '../base/read-by.ts';
import { ActivationCodeError } from '../messages/activation-code.ts';
import { IdError } from '../messages/ids.ts';
import { SmdpAddressError } from '../messages/smdp-address.ts';
import { DerError } from '../messages/tlv.ts';

/** What the parsers of texts throw. */
const complaints = [
  IdError,
  ActivationCodeError,
  SmdpAddressError,
  DerError,
  BytesError,
  DurationError,
];

/** A text that `parse` reads; its typed complaint becomes the field's. `description`: for who reads the API. */
export function parsed<Value>(
  parse: (text: string) => Value,
  description?: string,
): z.ZodType<Value> {
  const schema = readBy(parse, ...complaints);
  return description === undefined ? schema : schema.meta({ description });
}

type Choice<Arms extends Readonly<Record<string, z.ZodType>>> = {
  [Name in keyof Arms]: { readonly [N in Name]: z.infer<Arms[Name]> };
}[keyof Arms];

/**
 * An object with exactly one of the members that `arms` names, as JSON writes a CHOICE: `{ "enable": {…} }`. The
 * complaint about a wrong one names its own field, which a plain union's does not.
 */
export function oneOf<Arms extends Readonly<Record<string, z.ZodType>>>(
  arms: Arms,
): z.ZodType<Choice<Arms>> {
  const due = `one of ${Object.keys(arms).join(', ')}`;
  const schema = z.record(z.string(), z.unknown()).transform((choice, context): Choice<Arms> => {
    const [name, ...more] = Object.keys(choice);
    const arm = name !== undefined && Object.hasOwn(arms, name) ? arms[name] : undefined;
    if (name === undefined || arm === undefined || more.length > 0) {
      const path = arm === undefined && name !== undefined ? [name] : [];
      context.addIssue({ code: 'custom', path, message: `must be ${due}` });
      return z.NEVER;
    }
    return { [name]: delegate(arm, choice[name], context, [name]) } as Choice<Arms>;
  });
  // For who reads the API: made when it is asked for.
  return schema.meta({
    get oneOf() {
      return Object.entries(arms).map(([name, arm]) => ({
        type: 'object',
        properties: { [name]: inputSchema(arm) },
        required: [name],
        additionalProperties: false,
      }));
    },
  });
}

/** What a schema takes, as JSON Schema 2020-12; what JSON Schema cannot say is left open. */
export function inputSchema(schema: z.ZodType): Readonly<Record<string, unknown>> {
  const { $schema: _, ...found } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => plain(jsonSchema),
  });
  return found;
}

/** Takes out what tells a reader nothing, or what a choice says better. */
export function plain(schema: z.core.JSONSchema.BaseSchema): void {
  delete schema.readOnly;
  if (schema.format === 'date-time' || schema.type === 'integer') delete schema.pattern;
  if (schema.oneOf !== undefined && schema.propertyNames !== undefined) {
    delete schema.propertyNames;
    delete schema.additionalProperties;
  }
}

/** What `schema` makes of `input` within another's transform; its complaints become those of the other, below `path`. */
export function delegate<Value>(
  schema: z.ZodType<Value>,
  input: unknown,
  context: z.core.$RefinementCtx,
  path: readonly PropertyKey[] = [],
): Value {
  const result = schema.safeParse(input, { error: inWords });
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const key = issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
    const message = key.length > 0 ? 'there is no such member' : issue.message;
    context.addIssue({ code: 'custom', path: [...path, ...issue.path, ...key], message });
  }
  return z.NEVER;
}

/** Hex of an even number of digits, within `least` and `most` octets. */
export function hexText(least: number, most: number): z.ZodType<string> {
  const due = least === most ? `${least}` : `${least} to ${most}`;
  return z
    .string()
    .regex(/^([0-9A-Fa-f]{2})*$/, 'must be hex, two digits for each octet')
    .refine((text) => text.length >= 2 * least && text.length <= 2 * most, {
      error: `must be ${due} octets of hex`,
    });
}
