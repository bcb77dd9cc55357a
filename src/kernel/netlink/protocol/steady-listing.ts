// Caches repeated listings, which are mostly unchanged: an answer with the same bytes as the last time is not parsed
// again. Comparing costs a tenth of parsing and creates no garbage.

import { MessageWriter } from './message.ts';
import type { Dumps, Query, VolatileAttributes } from './request.ts';

/**
 * Wraps `list` so that it returns the same object as before while the kernel's answers stay the same, byte by byte.
 * `list` must derive its result only from dumps. Throws the errors of `list`.
 */
export function steadyListing<Result>(socket: Dumps, list: (dumps: Dumps) => Result): () => Result {
  const dumps = new RememberedDumps(socket);
  let last: { readonly result: Result; readonly changes: number } | undefined;
  return () => {
    const result = list(dumps);
    if (last?.changes !== dumps.changes) last = { result, changes: dumps.changes };
    return last.result;
  };
}

// Number of consecutive missing answers that are searched before the next one counts as new.
const mostPassedOver = 8;

/** The answers of one dump, in the kernel's order: the bytes of each and the parsed record. */
class Answers {
  // Concatenated: separate buffers would take more room than their contents.
  readonly #bytes: Buffer;
  readonly #ends: readonly number[];
  /** Undefined: the reader omitted the answer. */
  readonly records: readonly unknown[];

  constructor(answers: readonly Answer[]) {
    this.#bytes = Buffer.concat(answers.map(({ bytes }) => bytes));
    this.records = answers.map(({ record }) => record);
    let end = 0;
    this.#ends = answers.map(({ bytes }) => {
      end += bytes.length;
      return end;
    });
  }

  /** Index of an answer with these bytes, at `place` or shortly after it. */
  find(payload: Buffer, place: number): number | undefined {
    const end = Math.min(place + mostPassedOver, this.#ends.length);
    for (let at = place; at < end; at++) if (this.#isAt(at, payload)) return at;
    return undefined;
  }

  at(place: number): Answer {
    const start = this.#startOf(place);
    const end = this.#ends[place];
    return { bytes: this.#bytes.subarray(start, end), record: this.records[place] };
  }

  #isAt(place: number, payload: Buffer): boolean {
    const start = this.#startOf(place);
    const end = this.#ends[place] ?? start;
    if (end - start !== payload.length) return false;
    return this.#bytes.compare(payload, 0, payload.length, start, end) === 0;
  }

  #startOf(place: number): number {
    return this.#ends[place - 1] ?? 0;
  }
}

interface Answer {
  readonly bytes: Buffer;
  readonly record: unknown;
}

interface Dump {
  readonly answers: Answers;
  /** Records of the answers that are not omitted. */
  readonly records: readonly unknown[];
}

const nothingYet: Dump = { answers: new Answers([]), records: [] };

class RememberedDumps implements Dumps {
  readonly #socket: Dumps;
  /** By the request's bytes. */
  readonly #last = new Map<string, Dump>();
  readonly #writer = new MessageWriter();
  #changes = 0;

  constructor(socket: Dumps) {
    this.#socket = socket;
  }

  /** Number of dumps so far that differed from the previous one. */
  get changes(): number {
    return this.#changes;
  }

  dump<Result>(query: Query, read: (payload: Buffer) => Result | undefined): Result[] {
    const key = this.#keyOf(query);
    const last = this.#last.get(key);
    const before = (last ?? nothingYet).answers;
    const fresh: Answer[] = [];
    // Kernel lists keep their order: an earlier answer is found after the one found last.
    let place = 0;
    // Negative: index of a new one. A dump that the kernel interrupts begins again, and answers read before are left
    // over.
    const places = this.#socket.dump(query, (payload): number => {
      if (query.volatile !== undefined) blank(payload, query.volatile);
      const known = before.find(payload, place);
      if (known !== undefined) {
        place = known + 1;
        return known;
      }
      fresh.push({ bytes: Buffer.from(payload), record: read(payload) });
      return -fresh.length;
    });
    const isSame =
      last !== undefined &&
      places.length === before.records.length &&
      places.every((at, index) => at === index);
    if (isSame) return last.records as Result[];
    const answers = places.flatMap((at) => (at < 0 ? (fresh[-at - 1] ?? []) : before.at(at)));
    return this.#remember(key, answers) as Result[];
  }

  #remember(key: string, answers: readonly Answer[]): readonly unknown[] {
    const records = answers.flatMap(({ record }) => (record === undefined ? [] : [record]));
    this.#last.set(key, { answers: new Answers(answers), records });
    this.#changes++;
    return records;
  }

  #keyOf({ type, write }: Query): string {
    this.#writer.clear();
    this.#writer.begin(type, 0, 0);
    write(this.#writer);
    return this.#writer.bytes.toString('latin1');
  }
}

function blank(payload: Buffer, { headerBytes, types }: VolatileAttributes): void {
  for (let start = headerBytes; start + 4 <= payload.length; ) {
    const length = payload.readUInt16LE(start);
    if (length < 4) return; // malformed: for the parser to say
    const type = payload.readUInt16LE(start + 2) & 0x3fff;
    if (types.includes(type)) payload.fill(0, start + 4, Math.min(start + length, payload.length));
    start += (length + 3) & ~3;
  }
}
