// Writes a long answer never faster than it is read.

import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

const slowReaderMs = 60_000;

/** Resolves when more can be written. A reader that takes nothing for a minute is disconnected. */
export async function writePatiently(
  response: ServerResponse,
  text: string,
  closed: AbortSignal,
): Promise<void> {
  if (closed.aborted || response.write(text)) return;
  // A reader that takes nothing for that long has stopped or ended, and holds a queue of thousands of lines.
  const patience = AbortSignal.any([closed, AbortSignal.timeout(slowReaderMs)]);
  await once(response, 'drain', { signal: patience }).catch(() => undefined);
  if (patience.aborted) response.destroy();
}
