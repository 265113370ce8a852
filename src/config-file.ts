/** The configuration file as it is written: its values, and the line of each. */
import { readFileSync } from 'node:fs';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';

/** The file cannot be read, or is no YAML; the message names it, and the line. */
export class ConfigFileError extends Error {
  override readonly name = 'ConfigFileError';
}

export interface Written {
  readonly values: unknown;
  /** The line, from 1, where what is at this path begins, or the nearest above it that is there. */
  lineOf(path: readonly string[]): number | undefined;
}

/** Undefined where there is no such file. Throws ConfigFileError. */
export function readConfigFile(file: string): Written | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigFileError(`the configuration file ${file} cannot be read: ${why}`, { cause });
  }
  return parsed(file, text);
}

function parsed(file: string, text: string): Written {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [error] = document.errors;
  if (error !== undefined) {
    const [complaint = ''] = error.message.split(/ at line |\n/);
    const line = lines.linePos(error.pos[0]).line;
    throw new ConfigFileError(
      `the configuration file ${file} is not YAML: line ${line}: ${complaint}`,
      { cause: error },
    );
  }
  const lineOf = (path: readonly string[]): number | undefined => {
    let at: unknown = document.contents;
    let offset: number | undefined;
    for (const part of path) {
      const step = below(at, part);
      if (step === undefined) break;
      at = step.value;
      offset = step.offset ?? offset;
    }
    return offset === undefined ? undefined : lines.linePos(offset).line;
  };
  return { values: document.toJS() ?? {}, lineOf };
}

/** One step down: what is there, and where it begins. */
function below(
  node: unknown,
  part: string,
): { readonly value: unknown; readonly offset: number | undefined } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === part);
    if (pair === undefined) return undefined;
    return { value: pair.value, offset: isScalar(pair.key) ? pair.key.range?.[0] : undefined };
  }
  if (!isSeq<Node>(node)) return undefined;
  const item = node.items[Number(part)];
  return item === undefined ? undefined : { value: item, offset: item.range?.[0] };
}
