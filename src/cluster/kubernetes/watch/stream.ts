// Parses a watch stream: one JSON event per line, in arbitrary chunks.

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
  /** Called for a complete event, or for the first bytes of an incomplete one. */
  readonly onBytes?: (what: 'event' | 'half') => void;
}

// An object in etcd has at most 1.5 MiB.
const longestLine = 8 * 2 ** 20;
const newline = 0x0a;

/**
 * Ends with the stream; a partial line at its end is not an event. Throws AnswerError, and the errors of the stream.
 */
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
