// Reads a BPF ring buffer (kernel 5.8) in TypeScript from shared memory, without a system call per event. One reader
// per ring. The layout is the kernel's (Documentation/bpf/ringbuf.rst): a page with the consumer's position, a page
// with the producer's, then the data mapped twice in a row, so that a record never wraps.

import type { Codec } from '../codec.ts';
import { KernelError } from '../errno.ts';
import { pollReadable, type ReadableWatch } from '../readable.ts';
import { type MapCalls, mapCalls } from './map-calls.ts';
import { mapTypes } from './map-type.ts';
import { mapRing, type RingMemory } from './ring-memory.ts';

export interface RingSpec<T> {
  readonly name: string;
  /** A power of two times the page size. */
  readonly sizeBytes: number;
  readonly record: Codec<T>;
}

export interface RingOptions {
  /** Number of records that programs could not store, read from where they count them; see `RingBuffer.lost`. */
  readonly countLost?: () => number;
  readonly calls?: MapCalls;
  /** Tests pass their own memory. */
  readonly mapMemory?: (fd: number, sizeBytes: number) => RingMemory;
  readonly watch?: (fd: number, onReadable: () => void) => ReadableWatch;
}

export interface RecordsOptions {
  readonly signal?: AbortSignal;
  /**
   * Maximum interval between reads in ms, in addition to the kernel's wake-ups (default 100): programs that submit with
   * BPF_RB_NO_WAKEUP cause no wake-up.
   */
  readonly periodMs?: number;
  /**
   * While nothing arrives, the interval between reads doubles from `periodMs` up to this (default: it stays the same).
   */
  readonly idlePeriodMs?: number;
  /**
   * Pause after a batch in ms (default 5): under a steady load this costs a tenth of the CPU time of waking up for each
   * event.
   */
  readonly restMs?: number;
  /** Maximum size of a batch (default 4096). */
  readonly maxBatch?: number;
}

const busyBit = 0x80000000;
const discardBit = 0x40000000;
const lengthMask = 0x3fffffff;
const headerSize = 8;

/**
 * Owns its descriptor and its mapping.
 * Losses: if the ring is full, `bpf_ringbuf_reserve` fails in the program, and the kernel does not count this. The
 * program must count failed reservations in a map that `countLost` reads; `lost` returns that number. Otherwise the
 * reader knows only the fill of the ring (`fill`) and the number of records too short for the codec (`malformed`).
 */
export class RingBuffer<T> implements Disposable {
  readonly name: string;
  readonly fd: number;
  readonly sizeBytes: number;
  readonly #codec: Codec<T>;
  readonly #memory: RingMemory;
  readonly #data: DataView;
  readonly #headers: Int32Array;
  readonly #calls: MapCalls;
  readonly #watch: NonNullable<RingOptions['watch']>;
  readonly #countLost: RingOptions['countLost'];
  readonly #readers = new Set<() => void>();
  #position: number;
  #malformed = 0;
  #disposed = false;

  /** Takes ownership of the descriptor. Throws KernelError if it is not a ring buffer. */
  constructor(fd: number, spec: RingSpec<T>, options: RingOptions = {}) {
    this.#calls = options.calls ?? mapCalls;
    this.fd = fd;
    this.name = spec.name;
    this.#codec = spec.record;
    this.#countLost = options.countLost;
    this.#watch = options.watch ?? pollReadable;
    this.sizeBytes = this.#checkedSize();
    this.#memory = (options.mapMemory ?? mapRing)(fd, this.sizeBytes);
    this.#data = new DataView(this.#memory.data);
    this.#headers = new Int32Array(this.#memory.data);
    this.#position = Number(Atomics.load(this.#memory.consumer, 0));
  }

  /** Throws KernelError ENOENT if nothing is pinned there. */
  static openPinned<T>(path: string, spec: RingSpec<T>, options: RingOptions = {}): RingBuffer<T> {
    const fd = (options.calls ?? mapCalls).openPinned(path);
    if (fd < 0) throw new KernelError({ call: 'bpf ring buffer open', subject: path, code: -fd });
    return new RingBuffer(fd, spec, options);
  }

  /** Records lost because the ring was full, as counted by the programs; undefined without `countLost`. */
  get lost(): number | undefined {
    return this.#countLost?.();
  }

  /** Number of records that were dropped because they were shorter than the codec, since this reader began. */
  get malformed(): number {
    return this.#malformed;
  }

  /** Share of the ring that waits to be read, 0 to 1. */
  get fill(): number {
    if (this.#disposed) return 0;
    return (Number(Atomics.load(this.#memory.producer, 0)) - this.#position) / this.sizeBytes;
  }

  /** Returns waiting records, oldest first, at most `max`; empty if there are none. Never blocks. */
  drain(max: number = Number.POSITIVE_INFINITY): T[] {
    if (this.#disposed) return [];
    const records: T[] = [];
    let end = Number(Atomics.load(this.#memory.producer, 0));
    while (records.length < max) {
      if (this.#position >= end) {
        end = Number(Atomics.load(this.#memory.producer, 0));
        if (this.#position >= end) break;
      }
      const offset = this.#position % this.sizeBytes;
      const header = Atomics.load(this.#headers, offset >>> 2) >>> 0;
      if ((header & busyBit) !== 0) break; // reserved and not submitted yet
      const length = header & lengthMask;
      if ((header & discardBit) === 0) this.#take(offset + headerSize, length, records);
      this.#position += (length + headerSize + 7) & ~7;
    }
    // Released once for all records: released memory may be overwritten immediately, and everything has been decoded.
    Atomics.store(this.#memory.consumer, 0, BigInt(this.#position));
    return records;
  }

  /**
   * Yields batches until the signal aborts or the ring is disposed of. Back-pressure comes from the ring itself:
   * nothing is read while the loop handles a batch, so with a slow loop the ring fills, and programs see it full.
   */
  async *batches(options: RecordsOptions = {}): AsyncIterableIterator<T[]> {
    const { signal, periodMs = 100, idlePeriodMs = periodMs } = options;
    const { restMs = 5, maxBatch = 4096 } = options;
    let waitMs = periodMs;
    const alarm = new Alarm();
    const watch = this.#watch(this.fd, () => alarm.ring());
    const stop = () => {
      watch[Symbol.dispose]();
      alarm.ring();
    };
    this.#readers.add(stop);
    signal?.addEventListener('abort', stop);
    try {
      while (signal?.aborted !== true && !this.#disposed) {
        const records = this.drain(maxBatch);
        if (records.length > 0) {
          waitMs = periodMs;
          yield records;
          if (records.length < maxBatch) await alarm.wait(restMs);
        } else {
          watch.arm();
          await alarm.wait(waitMs);
          waitMs = Math.min(2 * waitMs, idlePeriodMs);
        }
      }
    } finally {
      signal?.removeEventListener('abort', stop);
      this.#readers.delete(stop);
      watch[Symbol.dispose]();
    }
  }

  /** Yields one record at a time, otherwise like `batches`. */
  async *records(options: RecordsOptions = {}): AsyncIterableIterator<T> {
    for await (const batch of this.batches(options)) yield* batch;
  }

  pin(path: string): void {
    const result = this.#calls.pin(this.fd, path);
    if (result < 0) throw new KernelError({ call: 'bpf map pin', subject: path, code: -result });
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const stop of this.#readers) stop();
    this.#memory[Symbol.dispose]();
    this.#calls.close(this.fd);
  }

  #take(offset: number, length: number, records: T[]): void {
    if (length < this.#codec.size) this.#malformed++;
    else records.push(this.#codec.decode(this.#data, offset));
  }

  #checkedSize(): number {
    const { typeNumber, maxEntries } = this.#calls.info(this.fd);
    if (typeNumber === mapTypes.ringbuf.number) return maxEntries;
    this.#calls.close(this.fd);
    throw new KernelError({
      call: 'bpf ring buffer open',
      subject: this.name,
      code: 'EINVAL',
      detail: 'the map is not a ring buffer',
    });
  }
}

/** Waits for a wake-up or for the time to pass, whichever comes first. A wake-up before the wait counts. */
class Alarm {
  #rang = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rang = true;
    this.#wake?.();
  }

  async wait(timeoutMs: number): Promise<void> {
    if (!this.#rang) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#rang = false;
    this.#wake = undefined;
  }
}
