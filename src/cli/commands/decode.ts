/** `eim decode`: a message, laid open. It asks no eIM. */
import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { utf8 } from '../../base/bytes.ts';
import type { Part } from '../../decode/anatomy.ts';
import { type Decoded, type DecodedMessage, decode } from '../../decode/decode.ts';
import { InputError } from '../../decode/input.ts';
import { type Context, output, readOctets } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';
import type { Output } from '../output.ts';

interface DecodeCommandOptions {
  readonly as?: string;
  readonly key: readonly string[];
  readonly associationToken?: string;
  readonly whole?: true;
}

export function addDecode(program: Command, context: Context): void {
  program
    .command('decode')
    .description(
      'print any ESipa, ES9+, ES10 or eUICC Package message with the names of the standard',
    )
    .argument('<message>', "hex, base64 or a file ('-': standard input); also JSON of ES9+, or PEM")
    .option('--as <type>', 'read it as this type of the modules (default: the one that fits)')
    .option(
      '--key <file>',
      'a public key or certificate (PEM) to check signatures with',
      collect,
      [],
    )
    .option('--association-token <number>', 'the token that signatures of eUICC Packages cover')
    .option('--whole', 'print long values whole')
    .addHelpText(
      'after',
      `
Columns: where the element begins, its tag, the octets of its contents, its name and type.
What ends with '?' no module knows. An eIM need not run.

Examples:
  eim decode BF4F125A1089049032123451234512345678901235
  eim decode package.der --key eim-signing.pem --association-token 1
  eim decode answer.json --json`,
    )
    .action(async (given: string, options: DecodeCommandOptions, command: Command) => {
      const shown = output(context, command);
      const keys = await Promise.all(options.key.map(keyIn));
      const associationToken = tokenOf(options.associationToken);
      const octets = await octetsOf(given, context);
      const decoded = decodeOrComplain(octets, { as: options.as, keys, associationToken });
      if (shown.json) return shown.document(jsonOf(decoded));
      if (shown.csv) return showRows(shown, decoded);
      for (const message of decoded.messages) print(shown, message, options.whole === true);
      for (const { signature, covers, verdict, why } of decoded.signatures) {
        shown.line(`${signature} over ${covers}: ${verdict} (${why})`);
      }
    });
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function decodeOrComplain(octets: Uint8Array, options: Parameters<typeof decode>[1]): Decoded {
  try {
    return decode(octets, options);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new CliError(
      ExitCode.badInput,
      `cannot decode: ${error.message}`,
      'give hex, base64, PEM, JSON of ES9+ or a file with one of these or DER',
    );
  }
}

/** A file of that name comes before hex or base64 that looks like one. */
async function octetsOf(given: string, context: Context): Promise<Uint8Array> {
  if (given === '-') return readOctets(context.stdin);
  try {
    return await readFile(given);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const isText = code === 'ENOENT' || code === 'ENAMETOOLONG';
    if (isText && /^[0-9A-Za-z+/=:,\s]+$/.test(given)) return utf8(given);
    const why = error instanceof Error ? error.message : String(error);
    throw new CliError(ExitCode.badInput, `<message>: neither a file nor hex or base64: ${why}`);
  }
}

async function keyIn(file: string): Promise<KeyObject> {
  try {
    const content = await readFile(file);
    return content.includes('CERTIFICATE')
      ? new X509Certificate(content).publicKey
      : createPublicKey(content);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CliError(ExitCode.badInput, `--key ${file}: no public key or certificate: ${why}`);
  }
}

function tokenOf(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  if (!/^[0-9]{1,9}$/.test(given)) {
    throw new CliError(ExitCode.badInput, '--association-token: must be a number from 0');
  }
  return Number(given);
}

/** Each element a row; the path tells where it is. */
function showRows(shown: Output, { messages }: Decoded): void {
  const rowsBelow = (part: Part, above: readonly string[]): readonly (readonly string[])[] => {
    const { offset, tag, length, fields, type, value, complaint, parts } = part;
    const path = [...above, fields.join('.') || type || '?'];
    const row = [
      String(offset),
      tag.toString(16).toUpperCase().padStart(2, '0'),
      String(length),
      path.join('/'),
      type ?? '',
      value === undefined ? '' : textOf(value),
      complaint ?? '',
    ];
    return [row, ...parts.flatMap((one) => rowsBelow(one, path))];
  };
  shown.table(
    ['offset', 'tag', 'length', 'path', 'type', 'value', 'complaint'],
    messages.flatMap(({ part, member }) => rowsBelow(part, member === undefined ? [] : [member])),
  );
}

function print(shown: Output, message: DecodedMessage, whole: boolean): void {
  const { member, type, octets, complaint, deviations } = message;
  const what = type ?? 'no message that the modules know';
  shown.line(`${member === undefined ? '' : `${member}: `}${what}, ${octets} octets`);
  const rows = rowsOf(message.part, 0, whole);
  for (const row of rows) shown.line(row);
  if (complaint !== undefined) shown.line(`not as it should be: ${complaint}`);
  for (const deviation of deviations)
    shown.line(`not the standard's, and understood: ${deviation}`);
}

/** Characters of a value on one line. */
const longest = 80;

function rowsOf(part: Part, depth: number, whole: boolean): readonly string[] {
  const { offset, tag, length, fields, type, value, complaint, parts } = part;
  const named = type === undefined || sameWord(type, fields.at(-1)) ? fields : [...fields, type];
  const name = named.join(' ') || '?';
  const columns = [
    String(offset).padStart(6),
    tag.toString(16).toUpperCase().padStart(2, '0').padEnd(6),
    String(length).padStart(6),
    `${'  '.repeat(depth)}${name}`,
  ].join('  ');
  const text = value === undefined ? '' : ` = ${shorten(textOf(value), whole)}`;
  const odd = complaint === undefined ? '' : `  <- ${complaint}`;
  return [`${columns}${text}${odd}`, ...parts.flatMap((one) => rowsOf(one, depth + 1, whole))];
}

/** Fields that are spelled as their type say it once. */
function sameWord(type: string, field = ''): boolean {
  return type.toLowerCase() === field.toLowerCase();
}

function textOf(value: Part['value']): string {
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return value.map(textOf).join(', ') || 'none';
  return Object.entries(value)
    .map(([name, one]) => `${name} ${textOf(one)}`)
    .join('; ');
}

function shorten(text: string, whole: boolean): string {
  if (whole || text.length <= longest) return text;
  return /^[0-9A-F]+$/.test(text) ? `${text.slice(0, longest)}…` : text;
}

interface JsonPart {
  readonly [name: string]: unknown;
}

function jsonOf({ messages, signatures }: Decoded) {
  return {
    messages: messages.map(({ part, ...message }) => ({ ...message, element: jsonPart(part) })),
    signatures,
  };
}

function jsonPart({
  offset,
  tag,
  header,
  length,
  fields,
  type,
  value,
  complaint,
  parts,
}: Part): JsonPart {
  return {
    offset,
    tag: tag.toString(16).toUpperCase().padStart(2, '0'),
    header,
    length,
    ...(fields.length > 0 && { field: fields.join('.') }),
    ...(type !== undefined && { type }),
    ...(value !== undefined && { value }),
    ...(complaint !== undefined && { complaint }),
    ...(parts.length > 0 && { elements: parts.map(jsonPart) }),
  };
}
