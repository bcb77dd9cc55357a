// The bpf(2) commands for maps, one function each. An interface, so that map code can be tested without a kernel.

import { littleEndian } from '../codec.ts';
import type { Memory } from '../memory.ts';
import {
  bpf,
  type DescriptorCalls,
  descriptorCalls,
  objectInfo,
  readObjectName,
  returnedU32,
  writeObjectName,
} from './bpf.ts';

export interface MapInfo {
  readonly id: number;
  readonly name: string;
  /** uapi enum bpf_map_type. */
  readonly typeNumber: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

export interface MapCreation extends Omit<MapInfo, 'id'> {
  /** For maps of maps: a map of the inner type, as a template. */
  readonly innerFd?: number;
}

export interface ElementRequest {
  readonly fd: number;
  /** Absent only for `mapNextKey`: requests the first key. */
  readonly key?: Memory | undefined;
  /** Where the value is read from or written to. For `mapNextKey`, where the next key is written. */
  readonly value?: Memory;
  readonly flags?: number;
}

export interface BatchRequest {
  readonly fd: number;
  readonly keys: Memory;
  readonly values?: Memory;
  readonly count: number;
  /** Lookup: the position to continue from (absent: the start), and where the kernel writes the next one. */
  readonly position?: { readonly from: Memory | undefined; readonly to: Memory };
}

export interface BatchResult {
  /** 0 or the negated errno. */
  readonly result: number;
  /** Number of processed elements, also after a failure. */
  readonly count: number;
}

/** Every result is zero or positive, or the negated errno. */
export interface MapCalls extends DescriptorCalls {
  create(creation: MapCreation): number;
  info(fd: number): MapInfo;
  element(
    command: 'mapLookup' | 'mapUpdate' | 'mapDelete' | 'mapNextKey',
    request: ElementRequest,
  ): number;
  batch(
    command: 'mapLookupBatch' | 'mapUpdateBatch' | 'mapDeleteBatch',
    request: BatchRequest,
  ): BatchResult;
}

export const mapCalls: MapCalls = {
  ...descriptorCalls,

  create: (creation) =>
    bpf('mapCreate', 72, (to) => {
      to.u32(0, creation.typeNumber).u32(4, creation.keySize).u32(8, creation.valueSize);
      to.u32(12, creation.maxEntries)
        .u32(16, creation.flags)
        .u32(20, creation.innerFd ?? 0);
      writeObjectName(to.view, 28, creation.name);
    }),

  info(fd) {
    const view = objectInfo(fd, 80, `map fd ${fd}`);
    const word = (offset: number) => view.getUint32(offset, littleEndian);
    return {
      typeNumber: word(0),
      id: word(4),
      keySize: word(8),
      valueSize: word(12),
      maxEntries: word(16),
      flags: word(20),
      name: readObjectName(view, 24),
    };
  },

  element: (command, { fd, key, value, flags = 0 }) =>
    bpf(command, 32, (to) => {
      to.u32(0, fd)
        .u64(8, key?.address ?? 0n)
        .u64(16, value?.address ?? 0n)
        .u32(24, flags);
    }),

  batch(command, { fd, keys, values, count, position }) {
    const result = bpf(command, 56, (to) => {
      to.u64(0, position?.from?.address ?? 0n).u64(8, position?.to.address ?? 0n);
      to.u64(16, keys.address)
        .u64(24, values?.address ?? 0n)
        .u32(32, count)
        .u32(36, fd);
    });
    return { result, count: returnedU32(32) };
  },
};
