// The fields of a map's keys and values, from the BTF that the kernel stores with the map at its creation. This allows
// reading maps of another version of heddle.

import { littleEndian } from '../codec.ts';
import { GrowingMemory } from '../memory.ts';
import { bpf, bpfChecked, descriptorCalls, objectInfo, openById } from './bpf.ts';
import { Btf } from './btf.ts';

export interface FieldPlace {
  /** `traffic[1].packets`, `tcp_flags[0]`; empty for a plain integer. */
  readonly path: string;
  /** Bytes from the start. */
  readonly offset: number;
  readonly size: number;
}

export interface TypeLayout {
  /** Name of the C struct; empty for a plain integer. */
  readonly name: string;
  readonly fields: readonly FieldPlace[];
}

export interface MapLayout {
  readonly key: TypeLayout;
  readonly value: TypeLayout;
}

const mapInfoSize = 80;
const btfInfoSize = 32;
const infoMemory = new GrowingMemory();
const btfMemory = new GrowingMemory();

/** Undefined for a map created without BTF. Throws KernelError. Kernel 4.18. */
export function mapLayout(fd: number): MapLayout | undefined {
  const info = objectInfo(fd, mapInfoSize, `map fd ${fd}`);
  const [id, key, value] = [64, 68, 72].map((offset) => info.getUint32(offset, littleEndian));
  if (!id || !key || !value) return undefined;
  const btf = readBtf(id);
  return { key: typeLayout(btf, key), value: typeLayout(btf, value) };
}

/** The fields of a type. Structs and arrays are expanded; a union is one field. */
export function typeLayout(btf: Btf, identifier: number): TypeLayout {
  const { name, kind } = btf.resolve(identifier);
  const fields = fieldsOf(btf, { identifier, path: '', offset: 0 });
  return { name: kind === 'struct' ? name : '', fields };
}

interface Place {
  readonly identifier: number;
  readonly path: string;
  readonly offset: number;
}

function fieldsOf(btf: Btf, { identifier, path, offset }: Place): FieldPlace[] {
  const type = btf.resolve(identifier);
  if (type.kind === 'struct') {
    return type.members.flatMap((member) =>
      fieldsOf(btf, {
        identifier: member.type,
        path: path === '' ? member.name : `${path}.${member.name}`,
        offset: offset + member.bitOffset / 8,
      }),
    );
  }
  if (type.kind === 'array') {
    const size = btf.sizeOf(type.type);
    return Array.from({ length: type.length }, (_, index) => index).flatMap((index) =>
      fieldsOf(btf, {
        identifier: type.type,
        path: `${path}[${index}]`,
        offset: offset + index * size,
      }),
    );
  }
  return [{ path, offset, size: btf.sizeOf(identifier) }];
}

function readBtf(id: number): Btf {
  const fd = openById('btf', id);
  try {
    const size = btfInfo(fd, undefined);
    const memory = btfMemory.atLeast(size);
    btfInfo(fd, { address: memory.address, size });
    return Btf.parse(memory.bytes.slice(0, size));
  } finally {
    descriptorCalls.close(fd);
  }
}

/** struct bpf_btf_info: returns the size of the BTF, and writes it to `into` if given. */
function btfInfo(fd: number, into: { address: bigint; size: number } | undefined): number {
  const info = infoMemory.atLeast(btfInfoSize);
  info.bytes.fill(0);
  info.view.setBigUint64(0, into?.address ?? 0n, littleEndian);
  info.view.setUint32(8, into?.size ?? 0, littleEndian);
  const result = bpf('objectInfo', 16, (to) =>
    to.u32(0, fd).u32(4, btfInfoSize).u64(8, info.address),
  );
  bpfChecked(result, { call: 'bpf info', subject: `btf fd ${fd}` });
  return info.view.getUint32(8, littleEndian);
}
