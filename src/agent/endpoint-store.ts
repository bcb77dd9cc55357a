// The endpoints of this node on disk: one JSON file a record, named after the host-side interface, so that what
// `ip link` shows leads to it. Addresses and endpoint ids in use are what these records hold, and nothing else.

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Address } from '../net/address.ts';
import { type EndpointRecord, formatRecord, parseRecord } from './endpoint-record.ts';

export class EndpointStore {
  /** What was found wrong on disk when the store was opened, in words. */
  readonly problems: readonly string[];
  readonly #directory: string;
  readonly #capacity: number;
  /** By hostIfName, oldest first. */
  readonly #records: Map<string, EndpointRecord>;
  readonly #addresses = new Set<Address>();

  /** Reads every record. A file that is no record is set aside (`.corrupt`) and told in `problems`.
   * `capacity`: how many endpoints the data path has room for; ids are 1 to `capacity`. */
  static open(directory: string, capacity: number): EndpointStore {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const problems: string[] = [];
    const loaded: EndpointRecord[] = [];
    for (const name of readdirSync(directory).sort()) {
      const file = path.join(directory, name);
      // Cut off by a crash before the rename: it never was a record.
      if (name.endsWith('.tmp')) rmSync(file);
      if (!name.endsWith('.json')) continue;
      const record = load(file, problems);
      if (record !== undefined) loaded.push(record);
    }
    loaded.sort((left, right) => (left.createdAt < right.createdAt ? -1 : 1));
    const records = new Map(loaded.map((record) => [record.hostIfName, record]));
    return new EndpointStore(directory, capacity, { records, problems });
  }

  private constructor(directory: string, capacity: number, loaded: Loaded) {
    this.#directory = directory;
    this.#capacity = capacity;
    this.#records = loaded.records;
    this.problems = loaded.problems;
    for (const record of loaded.records.values()) this.#hold(record);
  }

  /** Oldest first. */
  list(): readonly EndpointRecord[] {
    return [...this.#records.values()];
  }

  get(hostIfName: string): EndpointRecord | undefined {
    return this.#records.get(hostIfName);
  }

  /** Of every record, whatever state its endpoint is in. */
  addresses(): ReadonlySet<Address> {
    return this.#addresses;
  }

  /** The lowest id that no record has; undefined when the data path has no room for another endpoint. */
  freeId(): number | undefined {
    const used = new Set(Array.from(this.#records.values(), ({ id }) => id));
    for (let id = 1; id <= this.#capacity; id++) if (!used.has(id)) return id;
    return undefined;
  }

  /** Counts from the moment of the call, is on disk when it resolves; when it throws, all is as before. */
  async save(record: EndpointRecord): Promise<void> {
    const previous = this.#records.get(record.hostIfName);
    this.#replace(record.hostIfName, record);
    try {
      await writeDurably(this.#directory, `${record.hostIfName}.json`, formatRecord(record));
    } catch (error) {
      this.#replace(record.hostIfName, previous);
      throw error;
    }
  }

  /** A record that is not there is fine. Its addresses and id are free once this resolves. */
  async remove(hostIfName: string): Promise<void> {
    await rm(path.join(this.#directory, `${hostIfName}.json`), { force: true });
    await syncDirectory(this.#directory);
    this.#replace(hostIfName, undefined);
  }

  #replace(hostIfName: string, record: EndpointRecord | undefined): void {
    for (const address of this.#records.get(hostIfName)?.addresses ?? []) {
      this.#addresses.delete(address);
    }
    if (record === undefined) {
      this.#records.delete(hostIfName);
    } else {
      this.#records.set(hostIfName, record);
      this.#hold(record);
    }
  }

  #hold(record: EndpointRecord): void {
    for (const address of record.addresses) this.#addresses.add(address);
  }
}

interface Loaded {
  readonly records: Map<string, EndpointRecord>;
  readonly problems: readonly string[];
}

function load(file: string, problems: string[]): EndpointRecord | undefined {
  try {
    const record = parseRecord(readFileSync(file, 'utf8'));
    if (`${record.hostIfName}.json` === path.basename(file)) return record;
    throw new Error(`is the record of ${record.hostIfName}`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    renameSync(file, `${file}.corrupt`);
    problems.push(
      `endpoint record ${file}: ${reason}; set aside as ${path.basename(file)}.corrupt, its pod has no network until it is made anew`,
    );
    return undefined;
  }
}

// The rename is what makes it atomic, the two syncs what makes it outlast a power cut: without them a file could come
// back empty, and its pod's address be given to another.
async function writeDurably(directory: string, name: string, text: string): Promise<void> {
  const file = path.join(directory, name);
  const temporary = `${file}.tmp`;
  try {
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(directory);
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
