// The endpoints of this node on disk: one JSON file per record, named after the host interface, so that the name in `ip
// link` leads to it. Only these records determine which addresses and endpoint ids are in use.

import { existsSync, mkdirSync, readdirSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import { errorText, isMissing } from '../../base/errors.ts';
import { IdAllocator } from '../../base/id-allocator.ts';
import { ownFolder } from '../../base/private-folder.ts';
import { CniError } from '../../cni/error.ts';
import type { EndpointId, LocalEndpoint } from '../../model/endpoint.ts';
import type { Address } from '../../net/address.ts';
import {
  demandRoom,
  discardTemporary,
  diskError,
  overwrite,
  tryDisk,
  writeAtomically,
} from './files.ts';
import { loadRecord, type Recover } from './read.ts';
import { type EndpointRecord, type EndpointReservation, formatRecord } from './record.ts';
import { SpareFiles } from './spare-files.ts';

export class EndpointStore {
  readonly #found: readonly string[];
  #broken: string | undefined;
  /** Names of records that no longer count but could not be removed. */
  readonly #undeleted = new Set<string>();
  readonly #directory: string;
  readonly #spares: SpareFiles | undefined;
  /** By hostIfName, oldest first. */
  readonly #records: Map<string, EndpointRecord>;
  readonly #addresses = new Set<Address>();
  readonly #ids: IdAllocator<EndpointId>;
  /** Whether some records claim the same address. */
  #hasRivals: boolean;

  /**
   * Reads every record. A file that is not a record is set aside (`.corrupt`), rebuilt if `recover` can, and reported
   * in `found`; on a read-only disk it stays. `capacity`: the number of endpoints for which the data path has room; ids
   * are 1 to `capacity`. Throws InputError if the directory does not exist and cannot be created.
   */
  static open(
    directory: string,
    capacity: number,
    { recover, spareDirectory }: StoreOptions = {},
  ): EndpointStore {
    ownFolder('stateDir', directory);
    const problems: string[] = [];
    const loaded: EndpointRecord[] = [];
    for (const name of readdirSync(directory).sort()) {
      const file = path.join(directory, name);
      // Left by a crash before the rename: it never was a record.
      if (name.endsWith('.tmp')) discardTemporary(file);
      if (!name.endsWith('.json')) continue;
      const record = loadRecord(file, problems, recover);
      if (record !== undefined) loaded.push(record);
    }
    loaded.sort((left, right) => (left.createdAt < right.createdAt ? -1 : 1));
    const records = new Map(loaded.map((record) => [record.hostIfName, record]));
    const spares = spareDirectory === undefined ? undefined : new SpareFiles(spareDirectory);
    return new EndpointStore(directory, capacity, { records, problems, spares });
  }

  private constructor(directory: string, capacity: number, loaded: Loaded) {
    this.#directory = directory;
    this.#spares = loaded.spares;
    this.#ids = new IdAllocator(capacity);
    this.#records = loaded.records;
    this.#found = loaded.problems;
    for (const record of loaded.records.values()) this.#hold(record);
    this.#hasRivals = this.#findRivals();
  }

  /** Sentences about defects that were found on disk when the store was opened. */
  get found(): readonly string[] {
    return this.#found;
  }

  /** Why no record can be written now, as a sentence; undefined if records can be written, as far as is known. */
  get broken(): string | undefined {
    return this.#broken;
  }

  /** Oldest first. */
  list(): readonly EndpointRecord[] {
    return [...this.#records.values()];
  }

  get(hostIfName: string): EndpointRecord | undefined {
    return this.#records.get(hostIfName);
  }

  /** Addresses of all records, whatever the state of their endpoints. */
  addresses(): ReadonlySet<Address> {
    return this.#addresses;
  }

  /** Maximum number of endpoints. */
  get capacity(): number {
    return this.#ids.capacity;
  }

  /** The lowest unused id; undefined if the data path has no room for another endpoint. */
  freeId(): EndpointId | undefined {
    return this.#ids.next();
  }

  /**
   * Call this before creating anything in the kernel, with an unused id. Throws CniError (io); then everything is as
   * before.
   */
  reserve(record: EndpointReservation): void {
    this.#ids.take(record.id);
    try {
      this.#write(record);
    } finally {
      // The written record holds the id itself.
      this.#ids.release(record.id);
    }
  }

  /** Replaces a reservation. Throws CniError (io); then everything is as before. */
  complete(endpoint: LocalEndpoint): void {
    const reservation = this.#records.get(endpoint.hostIfName);
    const before = reservation === undefined ? '' : formatRecord(reservation);
    const text = formatRecord(endpoint);
    const file = this.#fileOf(endpoint.hostIfName);
    this.#guard(() => {
      if (!existsSync(file) || !overwrite(file, { before, text })) this.#put(endpoint);
    });
    this.#replace(endpoint.hostIfName, endpoint);
  }

  /** Stores a record that was missing or different. It counts even while the disk refuses it. */
  restore(endpoint: LocalEndpoint): void {
    this.#replace(endpoint.hostIfName, endpoint);
    this.#hasRivals = this.#findRivals();
    try {
      this.#write(endpoint);
    } catch (error) {
      if (!(error instanceof CniError)) throw error;
    }
  }

  /**
   * Rewrites records that another process has removed from the disk, and removes files that could not be removed
   * before. Returns the names of written records. Throws CniError (io), and `broken` contains the reason until it
   * succeeds.
   */
  rewriteMissing(): readonly string[] {
    return this.#guard(() => {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      const present = new Set(readdirSync(this.#directory));
      const missing = [...this.#records.values()].filter(
        ({ hostIfName }) => !present.has(`${hostIfName}.json`),
      );
      for (const record of missing) this.#put(record);
      for (const file of this.#undeleted) this.#unlink(file);
      demandRoom(this.#directory);
      if (this.#broken !== undefined) tryDisk(this.#directory);
      this.#broken = undefined;
      return missing.map(({ hostIfName }) => hostIfName);
    });
  }

  /**
   * A missing record is fine. One that cannot be removed no longer counts, and its file is removed later: a pod's
   * deletion does not depend on the disk. After a restart before that, it is the record of a pod without interface and
   * namespace.
   */
  remove(hostIfName: string): void {
    const file = this.#fileOf(hostIfName);
    try {
      this.#unlink(file);
    } catch (error) {
      this.#undeleted.add(file);
      this.#break(diskError('remove', file, error));
    }
    this.#replace(hostIfName, undefined);
  }

  #unlink(file: string): void {
    try {
      // Not rmSync, which checks first and takes three times as long.
      if (this.#spares?.take(file) !== true) unlinkSync(file);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    this.#undeleted.delete(file);
  }

  #write(record: EndpointRecord): void {
    this.#guard(() => this.#put(record));
    this.#replace(record.hostIfName, record);
  }

  #put(record: EndpointRecord): void {
    const file = this.#fileOf(record.hostIfName);
    writeAtomically(file, formatRecord(record), this.#spares);
    this.#undeleted.delete(file);
  }

  #guard<Result>(body: () => Result): Result {
    try {
      return body();
    } catch (error) {
      this.#break(error);
      if (error instanceof CniError) throw error;
      throw diskError('write', this.#directory, error);
    }
  }

  #break(error: unknown): void {
    const text = errorText(error);
    this.#broken = `stateDir: ${text}; no pod can be added; running pods and DEL are not affected`;
  }

  #fileOf(hostIfName: string): string {
    return path.join(this.#directory, `${hostIfName}.json`);
  }

  #replace(hostIfName: string, record: EndpointRecord | undefined): void {
    const before = this.#records.get(hostIfName);
    if (before !== undefined) this.#release(before);
    if (record === undefined) {
      this.#records.delete(hostIfName);
    } else {
      this.#records.set(hostIfName, record);
      this.#hold(record);
    }
  }

  #hold({ id, addresses }: EndpointRecord): void {
    for (const address of addresses) this.#addresses.add(address);
    this.#ids.restore(id);
  }

  #findRivals(): boolean {
    const claims = this.list().flatMap(({ addresses }) => addresses).length;
    return claims > this.#addresses.size;
  }

  #release(released: EndpointRecord): void {
    const { id, addresses } = released;
    this.#ids.release(id);
    for (const address of addresses) this.#addresses.delete(address);
    // Records from a restored backup may claim what another one has.
    if (!this.#hasRivals) return;
    for (const other of this.#records.values()) {
      if (other === released) continue;
      for (const address of other.addresses) this.#addresses.add(address);
    }
  }
}

interface Loaded {
  readonly records: Map<string, EndpointRecord>;
  readonly problems: readonly string[];
  readonly spares: SpareFiles | undefined;
}

interface StoreOptions {
  readonly recover?: Recover;
  /** Folder for files of removed records; none are kept without it. */
  readonly spareDirectory?: string;
}
