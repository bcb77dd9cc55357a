// Reads the body of a finite answer: in time, within the size limit, and completely.

import type { IncomingMessage } from 'node:http';

export interface BodyBounds {
  /** Maximum time between two chunks. */
  readonly silenceMs: number;
  /** Maximum time for the whole body. */
  readonly totalMs: number;
  readonly maxBytes: number;
}

/** The answer is longer than the limit. */
export class TooLongError extends Error {
  override readonly name = 'TooLongError';
}

/** Throws TooLongError, or an Error with code ETIMEDOUT or the code of the broken connection. */
export async function readBody(response: IncomingMessage, bounds: BodyBounds): Promise<Buffer> {
  const { silenceMs, totalMs, maxBytes } = bounds;
  const chunks: Buffer[] = [];
  let bytes = 0;
  let cause: Error | undefined;
  const end = (error: Error): void => {
    cause ??= error;
    response.destroy(error);
  };
  const late = (text: string) => (): void =>
    end(Object.assign(new Error(`${text} (${bytes} bytes received)`), { code: 'ETIMEDOUT' }));
  const total = setTimeout(
    late(`the answer did not end within ${shownMs(totalMs)}`),
    Math.max(0, totalMs),
  );
  const silence = setTimeout(late(`the answer stopped for ${shownMs(silenceMs)}`), silenceMs);
  try {
    for await (const chunk of response) {
      silence.refresh();
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes > maxBytes) end(new TooLongError(`the answer is longer than ${maxBytes} bytes`));
    }
  } catch (error) {
    throw cause ?? error;
  } finally {
    clearTimeout(total);
    clearTimeout(silence);
  }
  if (cause !== undefined) throw cause;
  return Buffer.concat(chunks);
}

/** For users: `20 s`, `150 ms`. */
export function shownMs(ms: number): string {
  return ms >= 1_000 ? `${Math.round(ms / 1_000)} s` : `${Math.round(ms)} ms`;
}
