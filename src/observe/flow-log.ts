// The recent flows of this node in memory, and their followers. Memory is bounded even if readers are slow.

import type { FlowGap, FlowLine, FlowSender } from '../api/flows.ts';
import { FairLines } from './fair-lines.ts';

const nobody = -1;

export interface FlowLogOptions {
  /** Number of lines kept for later readers. */
  readonly capacity?: number;
  /** Number of lines that a follower may lag behind before it loses some. */
  readonly queue?: number;
  readonly now?: () => number;
}

export class FlowLog {
  readonly #lines: FairLines<FlowLine>;
  readonly #queue: number;
  readonly #now: () => number;
  readonly #followers = new Set<Follower>();

  constructor({ capacity = 10_000, queue = 4096, now = Date.now }: FlowLogOptions = {}) {
    this.#lines = new FairLines(capacity);
    this.#queue = queue;
    this.#now = now;
  }

  get size(): number {
    return this.#lines.size;
  }

  /**
   * `owner`: the endpoint that caused the line. When the log is full, the owner with the most lines loses its oldest.
   */
  append(line: FlowLine, owner: number = nobody): void {
    this.#lines.add(line, owner);
    for (const follower of this.#followers) follower.offer(line);
  }

  /** Records that flows are missing here. */
  appendGap(cause: FlowGap['cause'], records: number, by?: FlowSender): void {
    this.append({ ...this.#gap(cause, records), ...(by === undefined ? {} : { by }) });
  }

  /** The last `limit` lines, oldest first. */
  recent(limit: number = this.#lines.size): readonly FlowLine[] {
    const ordered = this.#lines.all();
    return limit >= ordered.length ? ordered : ordered.slice(ordered.length - limit);
  }

  /**
   * Yields every line appended from now on until `signal` aborts. Lines that a slow reader misses are replaced by a gap
   * with their count.
   */
  follow(signal: AbortSignal): AsyncIterable<FlowLine> {
    const follower = new Follower(this.#queue, (records) => this.#gap('slow reader', records));
    this.#followers.add(follower);
    const stop = (): void => {
      this.#followers.delete(follower);
      follower.end();
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    return follower.lines();
  }

  #gap(cause: FlowGap['cause'], records: number): FlowGap {
    return { kind: 'gap', time: new Date(this.#now()).toISOString(), cause, records };
  }
}

class Follower {
  readonly #limit: number;
  readonly #gap: (records: number) => FlowGap;
  #queue: FlowLine[] = [];
  #missed = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(limit: number, gap: (records: number) => FlowGap) {
    this.#limit = limit;
    this.#gap = gap;
  }

  offer(line: FlowLine): void {
    if (this.#queue.length >= this.#limit) {
      this.#missed++;
      return;
    }
    this.#queue.push(line);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *lines(): AsyncGenerator<FlowLine> {
    while (!this.#ended) {
      const batch = this.#take();
      yield* batch;
      if (batch.length === 0) await this.#wait();
    }
  }

  #take(): FlowLine[] {
    const batch = this.#queue;
    if (this.#missed > 0) batch.push(this.#gap(this.#missed));
    this.#queue = [];
    this.#missed = 0;
    return batch;
  }

  #wait(): Promise<void> {
    if (this.#queue.length > 0 || this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
