/**
 * CSV by RFC 4180, written so that a spreadsheet takes no cell for a formula, and read as it was written: a cell that
 * begins with = + - @, a tab or a line end has a ' before it, which the reader takes away again.
 */

/** Lines as they are written, each with its CR LF. */
export function csvLines(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.map(csvCell).join(',')}\r\n`).join('');
}

function csvCell(text: string): string {
  const safe = /^'*[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",;\r\n\t]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export interface CsvRow {
  /** Where it begins, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
  /** It has a quote that does not end. */
  readonly broken: boolean;
}

/** Rows with commas, semicolons or tabs between their cells, whichever the first line has; empty ones are left out. */
export function csvRows(text: string): readonly CsvRow[] {
  const [, firstLine = ''] = /^\s*([^\r\n]*)/.exec(text) ?? [];
  const separator = [',', ';', '\t'].find((one) => firstLine.includes(one)) ?? ',';
  const rows: CsvRow[] = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const begun = line;
    const cells: string[] = [];
    let broken = false;
    for (;;) {
      let cell = '';
      if (text[at] === '"') {
        at++;
        for (;;) {
          const end = text.indexOf('"', at);
          const part = text.slice(at, end < 0 ? undefined : end);
          cell += part;
          line += part.split('\n').length - 1;
          at = end < 0 ? text.length : end + 1;
          broken = end < 0;
          if (broken || text[at] !== '"') break;
          cell += '"';
          at++;
        }
      }
      while (at < text.length && text[at] !== separator && !/[\r\n]/.test(text[at] ?? '')) {
        cell += text[at++];
      }
      cells.push(/^'+[=+\-@\t\r\n]/.test(cell) ? cell.slice(1) : cell);
      if (text[at] !== separator) break;
      at++;
    }
    if (text[at] === '\r') at++;
    if (text[at] === '\n') at++;
    line++;
    if (cells.some((cell) => cell.trim() !== '')) rows.push({ line: begun, cells, broken });
  }
  return rows;
}
