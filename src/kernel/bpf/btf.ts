// Reads BTF, the type information that clang puts into a BPF object and the kernel exports about itself
// (Documentation/bpf/btf.rst). Only for consumers of types: no relocation, no deduplication.

import { elfSection, parseElf, stringAt, viewOf } from './elf.ts';

export interface BtfMember {
  readonly name: string;
  readonly type: number;
  /** Bits from the start of the struct. */
  readonly bitOffset: number;
  /** Size of a bit field; 0 for an ordinary member. */
  readonly bits: number;
}

export interface BtfEnumerator {
  readonly name: string;
  readonly value: bigint;
}

/** One type; `type` is the identifier of the type it refers to, 0 is void. */
export type BtfType =
  | { readonly kind: 'int'; readonly name: string; readonly size: number; readonly signed: boolean }
  | { readonly kind: BtfReferenceKind; readonly name: string; readonly type: number }
  | {
      readonly kind: 'array';
      readonly name: string;
      readonly type: number;
      readonly length: number;
    }
  | {
      readonly kind: 'struct' | 'union';
      readonly name: string;
      readonly size: number;
      readonly members: readonly BtfMember[];
    }
  | {
      readonly kind: 'enum';
      readonly name: string;
      readonly size: number;
      readonly enumerators: readonly BtfEnumerator[];
    }
  | {
      readonly kind: 'datasec';
      readonly name: string;
      readonly size: number;
      readonly variables: readonly number[];
    }
  | { readonly kind: 'other'; readonly name: string };

export type BtfReferenceKind =
  | 'pointer'
  | 'typedef'
  | 'volatile'
  | 'const'
  | 'restrict'
  | 'variable'
  | 'function'
  | 'type tag';

/** The members of `BtfType` with this kind. */
export type OfKind<Kind, Type = BtfType> = Type extends { readonly kind: infer Of }
  ? Kind extends Of
    ? Type
    : never
  : never;

export class Btf {
  /** By identifier; index 0 is void. */
  readonly types: readonly BtfType[];

  private constructor(types: readonly BtfType[]) {
    this.types = types;
  }

  /** Parses raw BTF: the `.BTF` section, or /sys/kernel/btf/vmlinux. */
  static parse(bytes: Uint8Array): Btf {
    return new Btf(parseTypes(bytes));
  }

  /** Reads the BTF of a compiled object. Throws if it was compiled without `-g`. */
  static fromObject(object: Uint8Array): Btf {
    const section = elfSection(parseElf(object), '.BTF');
    if (section === undefined) throw new Error('the object has no BTF: compile it with -g');
    return Btf.parse(section);
  }

  type(identifier: number): BtfType {
    const type = this.types[identifier];
    if (type === undefined) throw new Error(`BTF has no type ${identifier}`);
    return type;
  }

  /** The first type of this kind and name. */
  find<Kind extends BtfType['kind']>(kind: Kind, name: string): OfKind<Kind> | undefined {
    const found = this.types.find((type) => type.kind === kind && type.name === name);
    return found as OfKind<Kind> | undefined;
  }

  /** The type behind typedefs and qualifiers. */
  resolve(identifier: number): BtfType {
    const type = this.type(identifier);
    return isAlias(type) ? this.resolve(type.type) : type;
  }

  /**
   * Names of the typedefs that lead to the type, outermost first: `__be16` matters although it is an unsigned short.
   */
  typedefs(identifier: number): readonly string[] {
    const type = this.type(identifier);
    if (!isAlias(type)) return [];
    const rest = this.typedefs(type.type);
    return type.kind === 'typedef' ? [type.name, ...rest] : rest;
  }

  /** Size of the type in bytes. */
  sizeOf(identifier: number): number {
    const type = this.resolve(identifier);
    if (type.kind === 'array') return type.length * this.sizeOf(type.type);
    if (type.kind === 'pointer') return 8;
    if ('size' in type) return type.size;
    throw new Error(`BTF type ${identifier} (${type.kind} ${type.name}) has no size`);
  }
}

type BtfAlias = OfKind<'typedef'>;

function isAlias(type: BtfType): type is BtfAlias {
  return ['typedef', 'volatile', 'const', 'restrict', 'type tag'].includes(type.kind);
}

// Size of the data after the 12-byte head, by the kind's number: once, and for each of `count` parts.
const layout: readonly (readonly [once: number, each: number])[] = [
  [0, 0], // void
  [4, 0], // int
  [0, 0], // pointer
  [12, 0], // array
  [0, 12], // struct
  [0, 12], // union
  [0, 8], // enum
  [0, 0], // forward
  [0, 0], // typedef
  [0, 0], // volatile
  [0, 0], // const
  [0, 0], // restrict
  [0, 0], // function
  [0, 8], // function prototype
  [4, 0], // variable
  [0, 12], // datasec
  [0, 0], // float
  [4, 0], // declaration tag
  [0, 0], // type tag
  [0, 12], // enum64
];

const referenceKinds: Readonly<Record<number, BtfReferenceKind>> = {
  2: 'pointer',
  8: 'typedef',
  9: 'volatile',
  10: 'const',
  11: 'restrict',
  12: 'function',
  14: 'variable',
  18: 'type tag',
};

interface RawType {
  readonly number: number;
  readonly name: string;
  readonly count: number;
  readonly flag: boolean;
  /** Its size, or the type it refers to. */
  readonly sizeOrType: number;
  /** Offset of its parts. */
  readonly at: number;
}

interface Reader {
  readonly view: DataView;
  readonly little: boolean;
  string(offset: number): string;
}

function parseTypes(bytes: Uint8Array): BtfType[] {
  const view = viewOf(bytes);
  const little = bytes[0] === 0x9f;
  if (bytes.length < 24 || view.getUint16(0, little) !== 0xeb9f) throw new Error('not BTF');
  const headerLength = view.getUint32(4, little);
  const start = headerLength + view.getUint32(8, little);
  const end = start + view.getUint32(12, little);
  const strings = bytes.subarray(headerLength + view.getUint32(16, little));
  const reader: Reader = { view, little, string: (offset) => stringAt(strings, offset) };

  const types: BtfType[] = [{ kind: 'other', name: 'void' }];
  for (let at = start; at < end; ) {
    const raw = readHead(reader, at);
    const [once, each] = layout[raw.number] ?? unknownKind(raw.number);
    types.push(readType(reader, raw));
    at = raw.at + once + each * raw.count;
  }
  return types;
}

function readHead({ view, little, string }: Reader, at: number): RawType {
  const info = view.getUint32(at + 4, little);
  return {
    name: string(view.getUint32(at, little)),
    number: (info >>> 24) & 31,
    count: info & 0xffff,
    flag: info >>> 31 === 1,
    sizeOrType: view.getUint32(at + 8, little),
    at: at + 12,
  };
}

function readType(reader: Reader, raw: RawType): BtfType {
  const { name, sizeOrType } = raw;
  const word = (offset: number) => reader.view.getUint32(raw.at + offset, reader.little);
  const reference = referenceKinds[raw.number];
  if (reference !== undefined) return { kind: reference, name, type: sizeOrType };
  switch (raw.number) {
    case 1:
      return { kind: 'int', name, size: sizeOrType, signed: ((word(0) >>> 24) & 1) === 1 };
    case 3:
      return { kind: 'array', name, type: word(0), length: word(8) };
    case 4:
    case 5: {
      const kind = raw.number === 4 ? 'struct' : 'union';
      return { kind, name, size: sizeOrType, members: parts(raw, (at) => member(reader, raw, at)) };
    }
    case 6:
    case 19: {
      const width = raw.number === 6 ? 8 : 12;
      const enumerators = parts(raw, (at) => enumerator(reader, raw, at), width);
      return { kind: 'enum', name, size: sizeOrType, enumerators };
    }
    case 15:
      return { kind: 'datasec', name, size: sizeOrType, variables: parts(raw, (at) => word(at)) };
    default:
      return { kind: 'other', name };
  }
}

/** One value per part; `read` receives the part's offset from `raw.at`. */
function parts<Part>(raw: RawType, read: (at: number) => Part, width = 12): Part[] {
  return Array.from({ length: raw.count }, (_, index) => read(index * width));
}

function member({ view, little, string }: Reader, raw: RawType, at: number): BtfMember {
  const offset = view.getUint32(raw.at + at + 8, little);
  return {
    name: string(view.getUint32(raw.at + at, little)),
    type: view.getUint32(raw.at + at + 4, little),
    bitOffset: raw.flag ? offset & 0xffffff : offset,
    bits: raw.flag ? offset >>> 24 : 0,
  };
}

function enumerator({ view, little, string }: Reader, raw: RawType, at: number): BtfEnumerator {
  const name = string(view.getUint32(raw.at + at, little));
  const low = view.getUint32(raw.at + at + 4, little);
  if (raw.number === 6) return { name, value: BigInt(raw.flag ? low | 0 : low) };
  const high = view.getUint32(raw.at + at + 8, little);
  const value = (BigInt(high) << 32n) | BigInt(low);
  return { name, value: raw.flag ? BigInt.asIntN(64, value) : value };
}

function unknownKind(number: number): never {
  throw new Error(`BTF kind ${number} is newer than this parser`);
}
