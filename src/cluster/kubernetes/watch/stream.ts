// A watch as the API server sends it: one JSON event a line, in chunks that end anywhere.

import type { Readable } from 'node:stream';
import { AnswerError } from '../client/api-error.ts';
import { parsedJson } from '../client/meta.ts';
import { shownText } from '../client/shown.ts';

const types = ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'] as const;

export interface WatchEvent {
  readonly type: (typeof types)[number];
  readonly object?: unknown;
}

export interface WatchListener {
  /** A whole event, or the first bytes of one whose end is not here yet. */
  readonly onBytes?: (what: 'event' | 'half') => void;
}

// An object of etcd is 1.5 MiB at most.
const longestLine = 8 * 2 ** 20;
const newline = 0x0a;

/** Ends where the stream ends; half a line at its end is no event. Throws AnswerError, and what the stream throws. */
export async function* watchEvents(
  stream: Readable,
  { onBytes = () => undefined }: WatchListener = {},
): AsyncGenerator<WatchEvent> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    const bytes = chunk as Buffer;
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(newline, start);
      if (end === -1) break;
      const line =
        parts.length === 0 ? bytes.subarray(start, end) : joined(parts, bytes, start, end);
      parts = [];
      length = 0;
      start = end + 1;
      if (isBlank(line)) continue;
      onBytes('event');
      yield eventOf(line);
    }
    if (start < bytes.length) {
      if (length === 0) onBytes('half');
      parts.push(bytes.subarray(start));
      length += bytes.length - start;
      if (length > longestLine)
        throw new AnswerError(`an event is longer than ${longestLine} bytes`);
    }
  }
}

function joined(parts: readonly Buffer[], last: Buffer, start: number, end: number): Buffer {
  return Buffer.concat([...parts, last.subarray(start, end)]);
}

function isBlank(line: Buffer): boolean {
  return line.length === 0 || (line.length < 16 && line.toString('latin1').trim() === '');
}

function eventOf(line: Buffer): WatchEvent {
  const raw = parsedJson(line);
  const { type, object } = (raw ?? {}) as { readonly type?: unknown; readonly object?: unknown };
  const known = types.find((name) => name === type);
  if (known !== undefined) return { type: known, object };
  throw new AnswerError(`an event of type ${shownText(JSON.stringify(type) ?? 'none', 40)}`);
}
