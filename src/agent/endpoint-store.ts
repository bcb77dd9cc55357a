// The endpoints of this node on disk: one JSON file a record, named after the host-side interface, so that what
// `ip link` shows leads to it. Addresses and endpoint ids in use are what these records hold, and nothing else.

import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { CniError, cniErrorCode } from '../cni/error.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import type { Address } from '../net/address.ts';
import {
  type EndpointRecord,
  type EndpointReservation,
  formatRecord,
  parseRecord,
} from './endpoint-record.ts';

export class EndpointStore {
  /** What was found wrong on disk when the store was opened, in words. */
  readonly problems: readonly string[];
  readonly #directory: string;
  /** Most endpoints. */
  readonly capacity: number;
  /** By hostIfName, oldest first. */
  readonly #records: Map<string, EndpointRecord>;
  readonly #addresses = new Set<Address>();
  readonly #ids = new Set<number>();
  /** Some records claim the same address or id. */
  readonly #hasRivals: boolean;
  /** No lower one is free. */
  #lowestId = 1;

  /** Reads every record. A file that is no record is set aside (`.corrupt`), made again if `recover` can, and told in
   * `problems`. `capacity`: how many endpoints the data path has room for; ids are 1 to `capacity`. */
  static open(directory: string, capacity: number, recover?: Recover): EndpointStore {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const problems: string[] = [];
    const loaded: EndpointRecord[] = [];
    for (const name of readdirSync(directory).sort()) {
      const file = path.join(directory, name);
      // Cut off by a crash before the rename: it never was a record.
      if (name.endsWith('.tmp')) rmSync(file);
      if (!name.endsWith('.json')) continue;
      const record = load(file, problems, recover);
      if (record !== undefined) loaded.push(record);
    }
    loaded.sort((left, right) => (left.createdAt < right.createdAt ? -1 : 1));
    const records = new Map(loaded.map((record) => [record.hostIfName, record]));
    return new EndpointStore(directory, capacity, { records, problems });
  }

  private constructor(directory: string, capacity: number, loaded: Loaded) {
    this.#directory = directory;
    this.capacity = capacity;
    this.#records = loaded.records;
    this.problems = loaded.problems;
    for (const record of loaded.records.values()) this.#hold(record);
    const claims = [...loaded.records.values()].flatMap(({ addresses }) => addresses).length;
    this.#hasRivals = claims > this.#addresses.size || loaded.records.size > this.#ids.size;
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
    while (this.#ids.has(this.#lowestId)) this.#lowestId++;
    return this.#lowestId <= this.capacity ? this.#lowestId : undefined;
  }

  /** Before anything is made in the kernel. Throws CniError (io); then all is as before. */
  reserve(record: EndpointReservation): void {
    this.#write(record);
  }

  /** Replaces a reservation. Throws CniError (io); then all is as before. */
  complete(endpoint: LocalEndpoint): void {
    const reservation = this.#records.get(endpoint.hostIfName);
    const before = reservation === undefined ? '' : formatRecord(reservation);
    const text = formatRecord(endpoint);
    const file = this.#fileOf(endpoint.hostIfName);
    if (!overwrite(file, { before, text })) writeAtomically(file, text);
    this.#replace(endpoint.hostIfName, endpoint);
  }

  /** A record that was not there, or said something else. It counts also while the disk does not take it. */
  restore(endpoint: LocalEndpoint): void {
    this.#replace(endpoint.hostIfName, endpoint);
    try {
      this.#write(endpoint);
    } catch (error) {
      if (!(error instanceof CniError)) throw error;
    }
  }

  /** Writes again what somebody has removed from the disk; the names of those. Throws CniError (io). */
  rewriteMissing(): readonly string[] {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const present = new Set(readdirSync(this.#directory));
    const missing = [...this.#records.values()].filter(
      ({ hostIfName }) => !present.has(`${hostIfName}.json`),
    );
    for (const record of missing) {
      writeAtomically(this.#fileOf(record.hostIfName), formatRecord(record));
    }
    return missing.map(({ hostIfName }) => hostIfName);
  }

  /** A record that is not there is fine. Throws CniError (io). */
  remove(hostIfName: string): void {
    const file = this.#fileOf(hostIfName);
    try {
      // Not rmSync, which looks first and takes three times as long.
      unlinkSync(file);
    } catch (error) {
      if (!isMissing(error)) throw diskError('remove', file, error);
    }
    this.#replace(hostIfName, undefined);
  }

  #write(record: EndpointRecord): void {
    writeAtomically(this.#fileOf(record.hostIfName), formatRecord(record));
    this.#replace(record.hostIfName, record);
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
    this.#ids.add(id);
  }

  #release(released: EndpointRecord): void {
    const { id, addresses } = released;
    for (const address of addresses) this.#addresses.delete(address);
    this.#ids.delete(id);
    this.#lowestId = Math.min(this.#lowestId, id);
    // Records of a restored backup may claim what another one has.
    if (!this.#hasRivals) return;
    for (const other of this.#records.values()) if (other !== released) this.#hold(other);
  }
}

/** What can be told of the endpoint behind an interface of ours whose record cannot be read; `text` is what is left of it. */
type Recover = (
  hostIfName: string,
  text: string,
) => { readonly record: EndpointRecord; readonly lost: readonly string[] } | undefined;

interface Loaded {
  readonly records: Map<string, EndpointRecord>;
  readonly problems: readonly string[];
}

function load(
  file: string,
  problems: string[],
  recover: Recover | undefined,
): EndpointRecord | undefined {
  const hostIfName = path.basename(file, '.json');
  const told = (reason: unknown, where: string, recovered: ReturnType<Recover>): void => {
    const text = reason instanceof Error ? reason.message : String(reason);
    problems.push(`endpoint record ${file}: ${text}; ${where}, ${consequenceOf(recovered)}`);
  };
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    // The disk may give it back one day: what it says then is worth more than what is made of the kernel's.
    const recovered = recover?.(hostIfName, '');
    told(error, 'left where it is', recovered);
    return recovered?.record;
  }
  try {
    const record = parseRecord(bytes.toString());
    if (record.hostIfName === hostIfName) return record;
    throw new Error(`is the record of ${record.hostIfName}`);
  } catch (error) {
    const recovered = recover?.(hostIfName, bytes.toString('latin1'));
    renameSync(file, `${file}.corrupt`);
    if (recovered !== undefined) writeAtomically(file, formatRecord(recovered.record));
    told(error, `set aside as ${path.basename(file)}.corrupt`, recovered);
    return recovered?.record;
  }
}

function consequenceOf(recovered: ReturnType<Recover>): string {
  if (recovered === undefined) return 'its pod has no network until it is made anew';
  const lost = recovered.lost.length === 0 ? '' : `; lost: ${recovered.lost.join(', ')}`;
  return `made again from what the kernel has of the pod, which keeps its network${lost}`;
}

// The rename makes it whole or not there for whoever reads it, this agent's next start above all. It is not synced: what
// takes the file's contents along, a power cut, takes the interface that it describes (docs/decisions/add-costs.md).
function writeAtomically(file: string, text: string, isSecondTry = false): void {
  const temporary = `${file}.tmp`;
  try {
    writeFileSync(temporary, text, { mode: 0o600 });
    renameSync(temporary, file);
  } catch (error) {
    // The whole directory was removed meanwhile.
    if (isMissing(error) && !isSecondTry) {
      mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
      writeAtomically(file, text, true);
      return;
    }
    discard(temporary);
    throw diskError('write', file, error);
  }
}

// A reservation becomes a record by one write into the page that it has: whole or not done, whatever kills this process,
// and no second file is made, renamed and forgotten. False: the two are not such, or the write was cut short.
function overwrite(
  file: string,
  { before, text }: { readonly before: string; readonly text: string },
): boolean {
  const bytes = Buffer.from(text);
  const pageBytes = 4096;
  if (before === '' || Buffer.byteLength(before) > bytes.length || bytes.length > pageBytes) {
    return false;
  }
  try {
    const fd = openSync(file, 'r+');
    try {
      return writeSync(fd, bytes, 0, bytes.length, 0) === bytes.length;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (isMissing(error)) return false;
    throw diskError('write', file, error);
  }
}

/** What cannot be removed from a disk that is read-only goes at the next start. */
function discard(temporary: string): void {
  try {
    rmSync(temporary, { force: true });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function diskError(verb: 'write' | 'remove', file: string, cause: unknown): CniError {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new CniError(cniErrorCode.io, `${verb} endpoint record ${file}: ${text}`, {
    details: 'stateDir must be writable and have space; pods that run are not affected',
    cause,
  });
}
