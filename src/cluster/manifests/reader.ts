// Reads manifests without blocking the agent: files that may take long are read in a thread (thread.ts) with a deadline
// and a memory limit. The thread starts with the first such file and ends with the reader.

import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { brokenFile, FileMerge, type ManifestFile, readManifests } from './file.ts';
import type { ReadItem } from './items.ts';
import { manifestText } from './yaml.ts';

/** To the thread: a file, or a request for its next items. */
export type ToManifestThread =
  | { readonly kind: 'read'; readonly path: string; readonly bytes: Uint8Array }
  | { readonly kind: 'more' };

/** From the thread: some items of the file, or the reason for a failure. */
export type FromManifestThread =
  | { readonly kind: 'items'; readonly items: readonly ReadItem[]; readonly isLast: boolean }
  | { readonly kind: 'broken'; readonly text: string }
  | { readonly kind: 'unreadable'; readonly text: string };

/** A file that exceeds a limit, which the message names. */
export class CostlyFileError extends Error {}

export interface ManifestReaderOptions {
  readonly signal: AbortSignal;
  /** Time limit for one file. Default 30,000 ms; 8 MiB of ordinary objects take a third of that. */
  readonly deadlineMs?: number | undefined;
  /** Memory limit of the thread. Default 1,024 MiB. */
  readonly memoryMebibytes?: number | undefined;
}

// Starting a thread takes longer than reading most files. Of seventy hostile shapes of this size, none with an alias,
// the worst takes a new process 84 ms of processor time; with twice the size it takes 122.
export const mostInline = 4_096;

export class ManifestReader implements Disposable {
  readonly #signal: AbortSignal;
  readonly #deadlineMs: number;
  readonly #memoryMebibytes: number;
  #thread: ReadingThread | undefined;

  constructor({ signal, deadlineMs = 30_000, memoryMebibytes = 1_024 }: ManifestReaderOptions) {
    this.#signal = signal;
    this.#deadlineMs = deadlineMs;
    this.#memoryMebibytes = memoryMebibytes;
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Throws CostlyFileError, and Error if the file is not text or the reader ends meanwhile. */
  async read(path: string, bytes: Uint8Array, previous?: ManifestFile): Promise<ManifestFile> {
    // Aliases repeat text, so their cost is not bounded by the file's size.
    const isCheap = bytes.length <= mostInline && !bytes.includes(0x2a);
    if (isCheap) return readManifests(path, manifestText(bytes), previous);
    this.#signal.throwIfAborted();
    this.#thread ??= new ReadingThread(this.#memoryMebibytes);
    const thread = this.#thread;
    const timer = setTimeout(() => {
      const seconds = this.#deadlineMs / 1000;
      this.#end(new CostlyFileError(`takes longer than ${seconds} s to read`));
    }, this.#deadlineMs);
    try {
      return await readIn(thread, { path, bytes }, previous);
    } catch (error) {
      this.#end(new Error('the thread that reads manifests has ended'));
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#end(new Error('no longer read'));
  }

  readonly #onAbort = (): void => this.#end(new Error('no longer read'));

  #end(reason: Error): void {
    this.#thread?.end(reason);
    this.#thread = undefined;
  }
}

interface FileBytes {
  readonly path: string;
  readonly bytes: Uint8Array;
}

async function readIn(
  thread: ReadingThread,
  { path, bytes }: FileBytes,
  previous: ManifestFile | undefined,
): Promise<ManifestFile> {
  const merge = new FileMerge(path, previous);
  let answer = await thread.ask({ kind: 'read', path, bytes });
  for (;;) {
    if (answer.kind === 'unreadable') return brokenFile(path, `${path}: ${answer.text}`, previous);
    if (answer.kind === 'broken') return brokenFile(path, answer.text, previous);
    merge.add(answer.items);
    if (answer.isLast) return merge.done();
    await setImmediate();
    answer = await thread.ask({ kind: 'more' });
  }
}

class ReadingThread {
  readonly #worker: Worker;
  readonly #ended: Promise<never>;
  #fail: (reason: Error) => void = () => undefined;

  constructor(memoryMebibytes: number) {
    this.#worker = new Worker(new URL('./thread.js', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: memoryMebibytes },
    });
    this.#ended = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    this.#ended.catch(() => undefined);
    this.#worker.once('error', (error) => this.#fail(reasonOf(error, memoryMebibytes)));
    this.#worker.once('exit', (code) => this.#fail(new Error(`its thread has ended (${code})`)));
  }

  /** One request at a time. Rejects with the error that ended the thread. */
  ask(question: ToManifestThread): Promise<FromManifestThread> {
    const answer = new Promise<FromManifestThread>((resolve) =>
      this.#worker.once('message', resolve),
    );
    this.#worker.postMessage(question);
    return Promise.race([answer, this.#ended]);
  }

  end(reason: Error): void {
    this.#fail(reason);
    void this.#worker.terminate();
  }
}

function reasonOf(error: Error, memoryMebibytes: number): Error {
  const isMemory = 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
  if (!isMemory) return error;
  return new CostlyFileError(`takes more than ${memoryMebibytes} MiB of memory to read`);
}
