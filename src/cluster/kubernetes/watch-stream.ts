// A watch as the API server sends it: one JSON event a line, in chunks that end anywhere.

import type { Readable } from 'node:stream';
import { z } from 'zod';

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object?: unknown;
}

const watchEvent: z.ZodType<WatchEvent> = z.object({
  type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']),
  object: z.unknown(),
});

/** Ends where the stream ends; half a line at its end is no event. Throws for what is no event, and what the stream throws. */
export async function* watchEvents(stream: Readable): AsyncGenerator<WatchEvent> {
  stream.setEncoding('utf8');
  let parts: string[] = [];
  for await (const chunk of stream) {
    const text = String(chunk);
    let start = 0;
    for (;;) {
      const end = text.indexOf('\n', start);
      if (end === -1) break;
      parts.push(text.slice(start, end));
      const line = parts.join('').trim();
      parts = [];
      start = end + 1;
      if (line !== '') yield watchEvent.parse(JSON.parse(line));
    }
    if (start < text.length) parts.push(text.slice(start));
  }
}
