/** Names as words of commands that people are shown to copy: some are what a device says. */
export function shellWord(text: string): string {
  return /^[\w.,:=@%+/][\w.,:=@%+/-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
