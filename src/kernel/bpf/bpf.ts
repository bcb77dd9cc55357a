// The bpf(2) system call: commands by name, the attribute union filled in by the caller, and the commands shared by
// maps, programs and links. Minimum kernel of this file: 4.15 (names in infos).

import { littleEndian } from '../codec.ts';
import { KernelError } from '../errno.ts';
import { bpfSystemCall, close, duplicate } from '../libc.ts';
import { allocateMemory, GrowingMemory } from '../memory.ts';

/** Of uapi linux/bpf.h, enum bpf_cmd. */
export const bpfCommands = {
  mapCreate: 0,
  mapLookup: 1,
  mapUpdate: 2,
  mapDelete: 3,
  mapNextKey: 4,
  objectPin: 6,
  objectGet: 7,
  programAttach: 8,
  programDetach: 9,
  programTestRun: 10,
  programFdById: 13,
  mapFdById: 14,
  objectInfo: 15,
  programQuery: 16,
  btfFdById: 19,
  mapLookupBatch: 24,
  mapUpdateBatch: 26,
  mapDeleteBatch: 27,
  linkCreate: 28,
  linkUpdate: 29,
  linkFdById: 30,
  linkDetach: 34,
} as const;

export type BpfCommand = keyof typeof bpfCommands;

/** Writes the fields of one command in union bpf_attr, by their offsets. */
export class AttributeWriter {
  readonly view: DataView;

  constructor(view: DataView) {
    this.view = view;
  }

  u32(offset: number, value: number): this {
    this.view.setUint32(offset, value, littleEndian);
    return this;
  }

  u64(offset: number, value: bigint): this {
    this.view.setBigUint64(offset, value, littleEndian);
    return this;
  }
}

const attributeSize = 128;
const attribute = allocateMemory(attributeSize);
const writer = new AttributeWriter(attribute.view);
const pathMemory = new GrowingMemory();
const infoMemory = new GrowingMemory();

/**
 * One bpf(2) call. Returns its result, or the negated errno. `size` is the used part of the union; the kernel accepts a
 * larger size than it knows if the rest is zero.
 */
export function bpf(
  command: BpfCommand,
  size: number,
  fill: (attribute: AttributeWriter) => void,
): number {
  attribute.bytes.fill(0, 0, size);
  fill(writer);
  return bpfSystemCall(bpfCommands[command], attribute.address, size);
}

/** A field that the kernel wrote into the union during the last `bpf` call. */
export function returnedU32(offset: number): number {
  return attribute.view.getUint32(offset, littleEndian);
}

/** Operations of every BPF object with a descriptor; tests pass their own. */
export interface DescriptorCalls {
  /** 0 or the negated errno. */
  pin(fd: number, path: string): number;
  /** A descriptor or the negated errno. */
  openPinned(path: string): number;
  duplicate(fd: number): number;
  close(fd: number): void;
}

export const descriptorCalls: DescriptorCalls = {
  pin: (fd, path) => bpf('objectPin', 16, (to) => to.u64(0, nativePath(path)).u32(8, fd)),
  openPinned: (path) => bpf('objectGet', 16, (to) => to.u64(0, nativePath(path))),
  duplicate,
  close,
};

/**
 * The kernel's info struct of the object behind `fd`. On an older kernel it is shorter than `size`, and the rest is
 * zero. `ask` sets the addresses to which the kernel writes variable-sized data.
 */
export function objectInfo(
  fd: number,
  size: number,
  subject: string,
  ask?: (info: AttributeWriter) => void,
): DataView {
  const info = infoMemory.atLeast(size);
  info.bytes.fill(0);
  ask?.(new AttributeWriter(info.view));
  const result = bpf('objectInfo', 16, (to) => to.u32(0, fd).u32(4, size).u64(8, info.address));
  bpfChecked(result, { call: 'bpf info', subject });
  return info.view;
}

const openCommands = {
  program: 'programFdById',
  map: 'mapFdById',
  link: 'linkFdById',
  btf: 'btfFdById',
} as const;

/**
 * A descriptor of the program, map, link or BTF with this identifier. Throws KernelError ENOENT if it no longer exists.
 */
export function openById(kind: keyof typeof openCommands, id: number): number {
  const command = openCommands[kind];
  const fd = bpf(command, 12, (to) => to.u32(0, id));
  return bpfChecked(fd, { call: `bpf ${kind} open`, subject: `id ${id}` });
}

/** Returns the result, or throws a KernelError for a negated errno. */
export function bpfChecked(
  result: number,
  failure: { call: string; subject: string; detail?: string | undefined },
): number {
  if (result < 0) throw new KernelError({ ...failure, code: -result });
  return result;
}

/**
 * Writes a NUL-terminated name of a BPF object: at most 15 characters, of which the kernel allows letters, digits, _
 * and dot.
 */
export function writeObjectName(view: DataView, offset: number, name: string): void {
  const text = name.replaceAll(/[^A-Za-z0-9_.]/g, '_').slice(0, 15);
  for (let index = 0; index < text.length; index++) {
    view.setUint8(offset + index, text.charCodeAt(index));
  }
}

export function readObjectName(view: DataView, offset: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + offset, 16);
  const end = bytes.indexOf(0);
  return Buffer.from(bytes.subarray(0, end < 0 ? 16 : end)).toString('latin1');
}

function nativePath(path: string): bigint {
  const text = Buffer.from(`${path}\0`);
  const memory = pathMemory.atLeast(text.length);
  memory.bytes.set(text);
  return memory.address;
}
