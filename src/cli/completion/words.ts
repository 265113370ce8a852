/** A command line as far as it is typed, taken apart as a shell does. */

/** The words, the last one as far as it is typed ('' after a space); quotes and backslashes taken away. */
export function wordsOf(line: string): readonly string[] {
  const words: string[] = [];
  let word = '';
  let isWord = true;
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const one = line[at] ?? '';
    if (quote !== '') {
      if (one === quote) quote = '';
      else if (one === '\\' && quote === '"' && /["\\$`]/.test(line[at + 1] ?? ''))
        word += line[++at];
      else word += one;
    } else if (one === ' ' || one === '\t' || one === '\n') {
      if (word !== '' || !isWord) words.push(word);
      word = '';
      isWord = true;
    } else {
      if (one === "'" || one === '"') quote = one;
      else if (one === '\\') word += line[++at] ?? '';
      else word += one;
      isWord = false;
    }
  }
  return [...words, word];
}
