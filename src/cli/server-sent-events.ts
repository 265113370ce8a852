/** An event stream (HTML, "Server-sent events", 9.2) taken apart. */

export interface ServerSentEvent {
  /** Of this event, or the last one before it that had one; '' where none had. */
  readonly id: string;
  readonly type: string;
  readonly data: string;
}

/** Longest line of a stream that is believed to be one. */
const longest = 4_000_000;

/** The events of a stream, and nothing for its comments. */
export async function* serverSentEvents(
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let left = '';
  let id = '';
  let type = '';
  let data: string[] = [];
  for await (const chunk of stream) {
    left += decoder.decode(chunk, { stream: true });
    if (left.length > longest) throw new Error('a line of the event stream does not end');
    // A CR at the end may be half of a CR LF.
    const lines = left.split(/\r\n|\n|\r(?!$)/);
    left = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield { id, type: type || 'message', data: data.join('\n') };
        type = '';
        data = [];
        continue;
      }
      const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
      if (field === 'data') data.push(value);
      else if (field === 'event') type = value;
      else if (field === 'id' && !value.includes('\0')) id = value;
    }
  }
}
