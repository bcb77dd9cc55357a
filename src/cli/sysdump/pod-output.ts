// The output of a pod, limited in bytes and in time, because a node that an attacker controls may send without end. The
// connection ends with the call, whatever its outcome.

import { Writable } from 'node:stream';
import type { Exec, Log } from '@kubernetes/client-node';
import { errorText } from '../../base/errors.ts';

const closeStream = 255;

export interface PodOutputLimits {
  readonly bytes: number;
  readonly ms: number;
}

export interface PodContainer {
  readonly namespace: string;
  readonly name: string;
  readonly container: string;
}

/** Runs the command and returns its standard output. Throws Error if it fails or exceeds a limit. */
export async function commandOutput(
  exec: Pick<Exec, 'exec'>,
  { namespace, name, container }: PodContainer,
  command: readonly string[],
  limits: PodOutputLimits,
): Promise<string> {
  return await bounded(limits, (output, settle) => {
    // The reason of a failure. The rest of it is dropped.
    const errors = new BoundedText(4_096, () => undefined);
    errors.on('error', settle);
    return exec
      .exec(namespace, name, container, [...command], output, errors, null, false, (status) => {
        if (status.status === 'Success') settle();
        else settle(new Error(`${status.message} ${errors.text()}`));
      })
      .then((connection) => {
        connection.onclose = () => settle(new Error('the connection ended before the command'));
        const read = connection.onmessage;
        // The library throws for invalid messages, and one kind of message ends its caller's own streams.
        connection.onmessage = (event: { readonly data: unknown }) => {
          try {
            if (Buffer.isBuffer(event.data) && event.data[0] === closeStream) return;
            if (typeof event.data === 'string') return;
            read?.call(connection, event);
          } catch (error) {
            settle(new Error(`an answer is malformed: ${errorText(error)}`));
          }
        };
        return () => connection.terminate();
      });
  });
}

export interface LogOptions {
  readonly previous: boolean;
  readonly tailLines: number;
}

/** The log of the container. Throws Error if it cannot be read or exceeds a limit. */
export async function containerLog(
  log: Pick<Log, 'log'>,
  { namespace, name, container }: PodContainer,
  options: LogOptions,
  limits: PodOutputLimits,
): Promise<string> {
  return await bounded(limits, (output, settle) => {
    output.once('finish', () => settle());
    // Also if it is aborted: an error without a listener would end the process.
    output.once('pipe', (source) => source.on('error', settle));
    return log.log(namespace, name, container, output, options).then((controller) => () => {
      controller.abort();
    });
  });
}

/** Starts a stream, and resolves with a function that ends it. */
type StartStream = (output: BoundedText, settle: (error?: Error) => void) => Promise<() => void>;

async function bounded({ bytes, ms }: PodOutputLimits, start: StartStream): Promise<string> {
  const started: (() => void)[] = [];
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<string>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${ms / 1_000} s`)), ms);
      const output = new BoundedText(bytes, () => reject(new Error(`more than ${bytes} bytes`)));
      output.on('error', reject);
      const settle = (error?: Error): void => {
        if (error === undefined) resolve(output.text());
        else reject(error);
      };
      start(output, settle).then(
        (end) => {
          started.push(end);
          // It ended, or took too long, before the stream was open.
          if (isOver) end();
        },
        (reason: unknown) => reject(asError(reason)),
      );
    });
  } finally {
    clearTimeout(timer);
    isOver = true;
    for (const end of started) end();
  }
}

// The client's websocket rejects with an event, which has a message and is no Error.
function asError(reason: unknown): Error {
  if (reason instanceof Error) return reason;
  const { message } = (reason ?? {}) as { readonly message?: unknown };
  return new Error(typeof message === 'string' ? message : String(reason));
}

/** Keeps the first bytes of a stream. */
class BoundedText extends Writable {
  readonly #chunks: Buffer[] = [];
  #left: number;

  /** `onExceeded`: called for each chunk that does not fit. */
  constructor(bytes: number, onExceeded: () => void) {
    super({
      write: (chunk: Buffer, _encoding, done) => {
        if (chunk.length > this.#left) onExceeded();
        const kept = Buffer.from(chunk.subarray(0, this.#left));
        this.#left -= kept.length;
        if (kept.length > 0) this.#chunks.push(kept);
        done();
      },
    });
    this.#left = bytes;
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString();
  }
}
