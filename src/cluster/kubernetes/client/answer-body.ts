// The body of an answer that ends by itself: within its time, not longer than it may be, and complete.

import type { IncomingMessage } from 'node:http';

export interface BodyBounds {
  /** Between two chunks. */
  readonly silenceMs: number;
  /** For the whole of it. */
  readonly totalMs: number;
  readonly maxBytes: number;
}

/** The server sends more than we take. */
export class TooLongError extends Error {
  override readonly name = 'TooLongError';
}

/** Throws TooLongError, and Error with code ETIMEDOUT or that of a connection that broke. */
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
    end(Object.assign(new Error(`${text} (${bytes} bytes came)`), { code: 'ETIMEDOUT' }));
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

/** For people: `20 s`, `150 ms`. */
export function shownMs(ms: number): string {
  return ms >= 1_000 ? `${Math.round(ms / 1_000)} s` : `${Math.round(ms)} ms`;
}
