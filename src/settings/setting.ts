/** What a setting is, and the kinds of value that settings have. */
import { z } from 'zod';
import { DurationError, parseDuration } from '../base/duration.ts';
import { readBy } from '../base/read-by.ts';

/** One setting; `Value` is what Config holds. */
export interface Setting<Value> {
  readonly schema: z.ZodType<Value>;
  /** As one would write it in the file; undefined: not set. */
  readonly fallback: unknown;
  /** Lines of the comment above it in the file. */
  readonly about: readonly string[];
  /** Its value is shown to nobody. */
  readonly secret?: true;
  /** Makes the paths in a value absolute. */
  readonly paths?: (value: unknown, absolute: (path: string) => string) => unknown;
}

export function setting<Value>(
  schema: z.ZodType<Value>,
  fallback: unknown,
  ...about: readonly string[]
): Setting<Value> {
  return { schema, fallback, about };
}

/** One whose value is shown to nobody. */
export function secretSetting<Value>(
  schema: z.ZodType<Value>,
  ...about: readonly string[]
): Setting<Value> {
  return { schema, fallback: undefined, about, secret: true };
}

/** A length of time, written with its unit; Config holds milliseconds. */
export const duration: z.ZodType<number> = readBy(parseDuration, DurationError);
export const text = z.string().min(1);
export const flag = z.boolean();
export const port = z.int().min(0).max(65535);
export const count = z.int().min(1);
export const optional = <Value>(schema: z.ZodType<Value>) => schema.optional();

/** A file or folder; relative to the configuration file where it stands there, else to the working folder. */
export function path(fallback: string, ...about: readonly string[]): Setting<string> {
  return { schema: text, fallback, about, paths: onePath };
}

export function optionalPath(...about: readonly string[]): Setting<string | undefined> {
  return { schema: optional(text), fallback: undefined, about, paths: onePath };
}

export function paths(...about: readonly string[]): Setting<readonly string[]> {
  return {
    schema: z.array(text),
    fallback: [],
    about,
    paths: (value, absolute) =>
      Array.isArray(value) ? value.map((one) => onePath(one, absolute)) : value,
  };
}

export function onePath(value: unknown, absolute: (path: string) => string): unknown {
  return typeof value === 'string' ? absolute(value) : value;
}

/** The values of a tree of settings: what is not set is there as undefined. */
export type Values<Tree> = {
  readonly [Name in keyof Tree]: Tree[Name] extends Setting<infer Value>
    ? Value
    : Values<Tree[Name]>;
};

export function isSetting(node: unknown): node is Setting<unknown> {
  return isRecord(node) && 'schema' in node && 'about' in node;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
