// BPF maps and links without a kernel: keeps elements as hex text by descriptor, and answers as bpf(2) does.

import type {
  LinkCalls,
  LinkCreation,
  ProgramAttachment,
  QueryResult,
  RawLinkInfo,
} from '../../src/kernel/bpf/link-calls.ts';
import type {
  BatchRequest,
  BatchResult,
  ElementRequest,
  MapCalls,
  MapCreation,
  MapInfo,
} from '../../src/kernel/bpf/map-calls.ts';
import { errno } from '../../src/kernel/errno.ts';
import type { Memory } from '../../src/kernel/memory.ts';

interface FakeMap {
  readonly info: MapInfo;
  readonly elements: Map<string, Uint8Array>;
}

/** The errno called `name`, negated, as bpf(2) results carry it. */
export function refusedWith(name: string): number {
  return -(errno[name] ?? 1);
}

export class FakeMapCalls implements MapCalls {
  readonly closed: number[] = [];
  readonly pins: Map<string, number> = new Map();
  /** The calls in order: `mapUpdate`, `mapLookupBatch 4`. */
  readonly asked: string[] = [];
  /** Makes every batch fail with this errno's name. */
  batchesFail: string | undefined;
  /** Lookups of fewer elements at once get ENOSPC, as from a hash map with a bucket of this size. */
  bucketSize: number = 1;
  /** Slots of a value of a per-CPU map. */
  cpus: number = 2;
  readonly #maps = new Map<number, FakeMap>();
  #nextFd = 100;

  create(creation: MapCreation): number {
    const fd = this.#nextFd++;
    this.#maps.set(fd, { info: { ...creation, id: fd + 1000 }, elements: new Map() });
    return fd;
  }

  info(fd: number): MapInfo {
    return this.#map(fd).info;
  }

  element(
    command: 'mapLookup' | 'mapUpdate' | 'mapDelete' | 'mapNextKey',
    request: ElementRequest,
  ): number {
    this.asked.push(command);
    const map = this.#map(request.fd);
    const key = request.key && hex(request.key, map.info.keySize);
    switch (command) {
      case 'mapLookup':
        return this.#lookup(map, key ?? '', request.value);
      case 'mapUpdate':
        return this.#update(map, key ?? '', request);
      case 'mapDelete':
        return map.elements.delete(key ?? '') ? 0 : refusedWith('ENOENT');
      case 'mapNextKey':
        return this.#nextKey(map, key, request.value);
    }
  }

  batch(
    command: 'mapLookupBatch' | 'mapUpdateBatch' | 'mapDeleteBatch',
    request: BatchRequest,
  ): BatchResult {
    this.asked.push(`${command} ${request.count}`);
    if (this.batchesFail !== undefined) return { result: refusedWith(this.batchesFail), count: 0 };
    const map = this.#map(request.fd);
    if (command === 'mapLookupBatch') return this.#lookupBatch(map, request);
    for (let index = 0; index < request.count; index++) {
      const key = hex(request.keys, map.info.keySize, index);
      const result =
        command === 'mapDeleteBatch'
          ? Number(map.elements.delete(key)) - 1 && refusedWith('ENOENT')
          : this.#store(map, key, slice(request.values, this.#valueBytes(map.info), index));
      if (result < 0) return { result, count: index };
    }
    return { result: 0, count: request.count };
  }

  pin(fd: number, path: string): number {
    if (this.pins.has(path)) return refusedWith('EEXIST');
    this.pins.set(path, fd);
    return 0;
  }

  openPinned(path: string): number {
    return this.pins.get(path) ?? refusedWith('ENOENT');
  }

  duplicate(fd: number): number {
    const copy = this.#nextFd++;
    this.#maps.set(copy, this.#map(fd));
    return copy;
  }

  close(fd: number): void {
    this.closed.push(fd);
  }

  #lookup({ elements, info }: FakeMap, key: string, into: Memory | undefined): number {
    const found = elements.get(key);
    if (found === undefined) return refusedWith('ENOENT');
    into?.bytes.set(found.subarray(0, this.#valueBytes(info)));
    return 0;
  }

  #update(map: FakeMap, key: string, { value, flags }: ElementRequest): number {
    if (flags === 1 && map.elements.has(key)) return refusedWith('EEXIST');
    if (flags === 2 && !map.elements.has(key)) return refusedWith('ENOENT');
    return this.#store(map, key, slice(value, this.#valueBytes(map.info)));
  }

  #store({ elements, info }: FakeMap, key: string, value: Uint8Array): number {
    if (!elements.has(key) && elements.size >= info.maxEntries) return refusedWith('E2BIG');
    elements.set(key, value);
    return 0;
  }

  #nextKey({ elements }: FakeMap, key: string | undefined, into: Memory | undefined): number {
    const keys = [...elements.keys()];
    const next = keys[key === undefined ? 0 : keys.indexOf(key) + 1];
    if (next === undefined) return refusedWith('ENOENT');
    into?.bytes.set(Buffer.from(next, 'hex'));
    return 0;
  }

  #lookupBatch({ elements, info }: FakeMap, { keys, values, count, position }: BatchRequest) {
    if (count < this.bucketSize) return { result: refusedWith('ENOSPC'), count: 0 };
    const start = position?.from?.view.getUint32(0) ?? 0;
    const found = [...elements].slice(start, start + count);
    for (const [index, [key, value]] of found.entries()) {
      keys.bytes.set(Buffer.from(key, 'hex'), index * info.keySize);
      values?.bytes.set(value, index * this.#valueBytes(info));
    }
    position?.to.view.setUint32(0, start + found.length);
    const isLast = start + found.length >= elements.size;
    return { result: isLast ? refusedWith('ENOENT') : 0, count: found.length };
  }

  /**
   * The size of a value at the border between kernel and caller: for per-CPU maps one slot per CPU, each a multiple of
   * 8 bytes.
   */
  #valueBytes({ typeNumber, valueSize }: MapInfo): number {
    const isPerCpu = [5, 6, 10].includes(typeNumber);
    return isPerCpu ? Math.ceil(valueSize / 8) * 8 * this.cpus : valueSize;
  }

  #map(fd: number): FakeMap {
    const map = this.#maps.get(fd);
    if (map === undefined) throw new Error(`no fake map has fd ${fd}`);
    return map;
  }
}

/** Records the calls; the test sets results and infos. */
export class FakeLinkCalls implements LinkCalls {
  readonly created: LinkCreation[] = [];
  readonly attached: ProgramAttachment[] = [];
  readonly detached: ProgramAttachment[] = [];
  readonly closed: number[] = [];
  readonly updates: (readonly [linkFd: number, programFd: number])[] = [];
  /** The errno's name with which every call fails; absent: calls succeed. */
  fails: string | undefined;
  rawInfo: RawLinkInfo = { typeNumber: 11, id: 5, programId: 6, words: [2, 46, 0] };
  queried: QueryResult = { result: 0, programs: [] };

  create(creation: LinkCreation): number {
    this.created.push(creation);
    return this.#result(200);
  }

  update(linkFd: number, programFd: number): number {
    this.updates.push([linkFd, programFd]);
    return this.#result(0);
  }

  detach(): number {
    return this.#result(0);
  }

  attachProgram(attachment: ProgramAttachment): number {
    this.attached.push(attachment);
    return this.#result(0);
  }

  detachProgram(attachment: ProgramAttachment): number {
    this.detached.push(attachment);
    return this.#result(0);
  }

  info(): RawLinkInfo {
    return this.rawInfo;
  }

  query(): QueryResult {
    return this.queried;
  }

  pin(): number {
    return this.#result(0);
  }

  openPinned(): number {
    return this.#result(201);
  }

  duplicate(): number {
    return this.#result(202);
  }

  close(fd: number): void {
    this.closed.push(fd);
  }

  #result(value: number): number {
    return this.fails === undefined ? value : refusedWith(this.fails);
  }
}

function hex(memory: Memory, size: number, index = 0): string {
  return Buffer.from(memory.bytes.subarray(index * size, (index + 1) * size)).toString('hex');
}

function slice(memory: Memory | undefined, size: number, index = 0): Uint8Array {
  return memory?.bytes.slice(index * size, (index + 1) * size) ?? new Uint8Array(size);
}
