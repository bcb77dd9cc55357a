// Copies entries as bytes from the map of an earlier load into its replacement. Fields are matched by name through the
// BTF of both maps: new fields start at zero, removed ones are dropped. A number whose size changed keeps its value if
// it fits.

import { BpfMap } from '../../kernel/bpf/map.ts';
import { mapCalls } from '../../kernel/bpf/map-calls.ts';
import { mapLayout, type TypeLayout } from '../../kernel/bpf/map-layout.ts';
import { isPerCpu, mapTypeFromNumber } from '../../kernel/bpf/map-type.ts';
import { possibleCpus } from '../../kernel/bpf/per-cpu-map.ts';
import { type Codec, littleEndian } from '../../kernel/codec.ts';

/**
 * Copies everything that both maps can hold and returns the number of entries. Between maps of different types, and
 * from a map without BTF into one with another layout, nothing can be copied. Throws KernelError.
 */
export function carryEntries(fromFd: number, toFd: number): number {
  using from = openRaw(fromFd);
  using to = openRaw(toFd);
  if (from.type !== to.type) return 0;
  const key = converter(from.keySize, to.keySize, [from.layout?.key, to.layout?.key]);
  const value = converter(from.valueSize, to.valueSize, [from.layout?.value, to.layout?.value]);
  if (key === undefined || value === undefined) return 0;
  const entries: (readonly [Uint8Array, Uint8Array])[] = [];
  for (const [oldKey, oldValue] of from.map.entries()) {
    if (to.isArray && indexOf(oldKey) >= to.map.maxEntries) continue;
    entries.push([key(oldKey), slotwise(oldValue, { from, to, value })]);
  }
  to.map.setBatch(entries);
  return entries.length;
}

/** For maps other than arrays. */
export function entryCount(fd: number): number {
  using raw = openRaw(fd);
  return raw.map.count();
}

/** The largest value of an integer field over all entries; 0 if there is no such field. */
export function highestField(fd: number, path: string): number {
  using raw = openRaw(fd);
  const field = raw.layout?.value.fields.find((candidate) => candidate.path === path);
  if (field === undefined) return 0;
  let highest = 0;
  for (const [, bytes] of raw.map.entries()) {
    const part = bytes.subarray(field.offset, field.offset + field.size);
    const digits = littleEndian ? part.toReversed() : part;
    highest = Math.max(highest, Number(`0x${Buffer.from(digits).toString('hex')}`));
  }
  return highest;
}

interface RawMap extends Disposable {
  readonly map: BpfMap<Uint8Array, Uint8Array>;
  readonly type: string;
  readonly isArray: boolean;
  readonly keySize: number;
  /** Size of one slot. */
  readonly valueSize: number;
  /** Number of consecutive values, one per CPU, each at a multiple of 8 bytes; 1 for an ordinary map. */
  readonly slots: number;
  readonly stride: number;
  readonly layout: ReturnType<typeof mapLayout>;
}

function openRaw(fd: number): RawMap {
  const { name, typeNumber, keySize, valueSize, maxEntries } = mapCalls.info(fd);
  const type = mapTypeFromNumber(typeNumber);
  if (type === undefined) throw new Error(`map ${name}: unknown type ${typeNumber}`);
  const slots = isPerCpu(type) ? possibleCpus() : 1;
  const stride = isPerCpu(type) ? Math.ceil(valueSize / 8) * 8 : valueSize;
  const spec = { name, type, maxEntries, key: bytes(keySize), value: bytes(stride * slots) };
  const map = BpfMap.fromFd(mapCalls.duplicate(fd), spec, { kernelValueSize: valueSize });
  return {
    map,
    type,
    isArray: type === 'array' || type === 'percpu_array',
    keySize,
    valueSize,
    slots,
    stride,
    layout: mapLayout(fd),
    [Symbol.dispose]: () => map[Symbol.dispose](),
  };
}

type Convert = (bytes: Uint8Array) => Uint8Array;

/** Converts the first layout to the second; undefined if they cannot be compared. */
function converter(
  fromSize: number,
  toSize: number,
  [from, to]: readonly [TypeLayout | undefined, TypeLayout | undefined],
): Convert | undefined {
  if (from === undefined || to === undefined) {
    return fromSize === toSize ? (bytes) => bytes : undefined;
  }
  const moves = to.fields.flatMap(({ path, offset, size }) => {
    const field = from.fields.find((other) => other.path === path);
    if (field === undefined) return [];
    const common = Math.min(field.size, size);
    const skipped = (whole: number): number => (littleEndian ? 0 : whole - common);
    return [{ at: field.offset + skipped(field.size), to: offset + skipped(size), size: common }];
  });
  return (bytes) => {
    const converted = new Uint8Array(toSize);
    for (const move of moves) converted.set(bytes.subarray(move.at, move.at + move.size), move.to);
    return converted;
  };
}

function slotwise(
  bytes: Uint8Array,
  { from, to, value }: { readonly from: RawMap; readonly to: RawMap; readonly value: Convert },
): Uint8Array {
  const result = new Uint8Array(to.stride * to.slots);
  for (let slot = 0; slot < to.slots; slot++) {
    const start = slot * from.stride;
    result.set(value(bytes.subarray(start, start + from.valueSize)), slot * to.stride);
  }
  return result;
}

function indexOf(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset).getUint32(0, littleEndian);
}

function bytes(size: number): Codec<Uint8Array> {
  return {
    size,
    encode: (value, into, offset) =>
      new Uint8Array(into.buffer, into.byteOffset + offset, size).set(value),
    decode: (from, offset) => new Uint8Array(from.buffer, from.byteOffset + offset, size).slice(),
  };
}
