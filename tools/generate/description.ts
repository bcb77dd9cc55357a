// The parts of a compiled object that user space needs: structs, enums, maps, constants and programs, read from its BTF
// and symbols. Structs are those that maps hold; enums are those that the shared header defines.

import { Btf, type BtfMember, type BtfType } from '../../src/kernel/bpf/btf.ts';
import { type ElfFile, parseElf } from '../../src/kernel/bpf/elf.ts';
import { isPerCpu, type MapType, mapTypeFromNumber } from '../../src/kernel/bpf/map-type.ts';
import { camelCase, commonPrefix, pascalCase } from './names.ts';

/** The TypeScript form of a value: its type, the codec of one element, and the number of elements. */
export interface ValueDescription {
  readonly type: string;
  readonly codec: string;
  readonly size: number;
  /** Of an array; absent for a single value. */
  readonly length?: number;
}

export interface FieldDescription {
  readonly name: string;
  readonly offset: number;
  readonly value: ValueDescription;
}

export interface StructDescription {
  readonly cName: string;
  readonly size: number;
  readonly fields: readonly FieldDescription[];
}

export interface EnumDescription {
  readonly cName: string;
  readonly members: readonly { readonly name: string; readonly value: number }[];
  /** The value of a last member named `..._COUNT`. */
  readonly count?: number;
}

export interface MapDescription {
  readonly cName: string;
  readonly type: MapType;
  readonly maxEntries: number;
  readonly key: ValueDescription;
  readonly value: ValueDescription;
  readonly perCpu: boolean;
}

export interface RingDescription {
  readonly cName: string;
  readonly sizeBytes: number;
  readonly record: ValueDescription;
}

export interface ProgramDescription {
  readonly name: string;
  /** libbpf's name for the section: it states where the program attaches. */
  readonly section: string;
}

export interface ObjectDescription {
  readonly structs: readonly StructDescription[];
  readonly enums: readonly EnumDescription[];
  readonly maps: readonly MapDescription[];
  readonly rings: readonly RingDescription[];
  readonly constants: readonly string[];
  readonly programs: readonly ProgramDescription[];
}

/** Structs that have a TypeScript value type of their own instead of an interface. */
const values: Readonly<Record<string, ValueDescription>> = {
  address: { type: 'Address', codec: 'mappedAddress', size: 16 },
  mac: { type: 'Mac', codec: 'mac', size: 6 },
};

/**
 * `header` is the text of the C header whose enums user space shares, with all includes. Throws an Error if the object
 * lacks any part of it.
 */
export function describeObject(object: Uint8Array, header: string): ObjectDescription {
  const elf = parseElf(object);
  const btf = Btf.fromObject(object);
  const structs = new StructCollector(btf);
  const variables = mapVariables(btf);
  return {
    maps: variables
      .filter(({ type }) => type !== 'ringbuf')
      .map((map) => describeMap(structs, map)),
    rings: variables.filter(({ type }) => type === 'ringbuf').map((map) => ring(structs, map)),
    structs: structs.described(),
    enums: enumNames(header).map((name) => describeEnum(btf, name)),
    constants: constantNames(btf),
    programs: programsOf(elf),
  };
}

/** Describes each struct once, after the structs that it contains. */
class StructCollector {
  readonly btf: Btf;
  readonly #done = new Map<string, StructDescription>();

  constructor(btf: Btf) {
    this.btf = btf;
  }

  described(): readonly StructDescription[] {
    return [...this.#done.values()];
  }

  value(identifier: number): ValueDescription {
    const typedefs = this.btf.typedefs(identifier);
    if (typedefs.includes('__be16')) return { type: 'number', codec: 'u16be', size: 2 };
    if (typedefs.includes('__be32')) return { type: 'number', codec: 'u32be', size: 4 };
    const type = this.btf.resolve(identifier);
    if (type.kind === 'array') return this.#array(type);
    if (type.kind === 'struct') return this.struct(type);
    if (type.kind === 'int') return integer(type);
    if (type.kind === 'enum' && type.size === 4) return { type: 'number', codec: 'u32', size: 4 };
    if (type.kind === 'enum' && type.size === 1) return { type: 'number', codec: 'u8', size: 1 };
    throw new Error(`a ${type.kind} (${type.name}) has no TypeScript counterpart`);
  }

  struct(type: BtfType & { kind: 'struct' | 'union' }): ValueDescription {
    const known = values[type.name];
    if (known !== undefined) return known;
    if (!this.#done.has(type.name)) {
      const fields = type.members.filter(({ name }) => !/^pad\d*$/.test(name));
      const description = {
        cName: type.name,
        size: type.size,
        fields: fields.map((member) => this.#field(type.name, member)),
      };
      this.#done.set(type.name, description);
    }
    const name = pascalCase(type.name);
    return { type: name, codec: `${camelCase(type.name)}Codec`, size: type.size };
  }

  #field(struct: string, member: BtfMember): FieldDescription {
    if (member.bits !== 0 || member.name === '') {
      throw new Error(`struct ${struct}: bit fields and anonymous members are not supported`);
    }
    const value = this.value(member.type);
    return { name: camelCase(member.name), offset: member.bitOffset / 8, value };
  }

  #array(type: BtfType & { kind: 'array' }): ValueDescription {
    const element = this.value(type.type);
    const size = element.size * type.length;
    if (element.codec === 'u8' && type.length > 4) {
      return { type: 'Uint8Array', codec: `bytes(${type.length})`, size };
    }
    const elements = Array.from({ length: type.length }, () => element.type).join(', ');
    return { type: `readonly [${elements}]`, codec: element.codec, size, length: type.length };
  }
}

function integer(type: BtfType & { kind: 'int' }): ValueDescription {
  const codec = `${type.signed ? 'i' : 'u'}${type.size * 8}`;
  if (!['u8', 'u16', 'u32', 'u64', 'i32'].includes(codec)) {
    throw new Error(`no codec for the C type ${type.name}`);
  }
  return { type: 'number', codec, size: type.size };
}

interface MapVariable {
  readonly cName: string;
  readonly type: MapType;
  readonly maxEntries: number;
  readonly key: number | undefined;
  readonly value: number | undefined;
}

/** The maps in `.maps`, sorted by name: clang does not guarantee an order. */
function mapVariables(btf: Btf): MapVariable[] {
  const section = btf.find('datasec', '.maps');
  if (section === undefined) return [];
  return section.variables
    .map((identifier) => mapVariable(btf, btf.type(identifier)))
    .sort((left, right) => (left.cName < right.cName ? -1 : 1));
}

function mapVariable(btf: Btf, variable: BtfType): MapVariable {
  const definition = variable.kind === 'variable' ? btf.resolve(variable.type) : undefined;
  if (definition?.kind !== 'struct') throw new Error(`${variable.name} in .maps is not a map`);
  const pointee = (name: string) => {
    const member = definition.members.find((candidate) => candidate.name === name);
    const pointer = member === undefined ? undefined : btf.resolve(member.type);
    return pointer?.kind === 'pointer' ? pointer.type : undefined;
  };
  const number = (name: string) => {
    const array = btf.resolve(pointee(name) ?? 0);
    return array.kind === 'array' ? array.length : 0;
  };
  const type = mapTypeFromNumber(number('type'));
  if (type === undefined)
    throw new Error(`map ${variable.name}: type ${number('type')} is unknown`);
  return {
    cName: variable.name,
    type,
    maxEntries: number('max_entries'),
    key: pointee('key'),
    value: pointee('value'),
  };
}

function describeMap(structs: StructCollector, map: MapVariable): MapDescription {
  const { cName, type, maxEntries, key, value } = map;
  if (key === undefined || value === undefined) {
    throw new Error(`map ${cName} must give its key and value with __type`);
  }
  const description = { key: structs.value(key), value: structs.value(value) };
  return { cName, type, maxEntries, ...description, perCpu: isPerCpu(type) };
}

/** The definition of a ring buffer cannot name its record: it is the struct with the map's name in the singular. */
function ring(structs: StructCollector, map: MapVariable): RingDescription {
  const cName = map.cName.replace(/s$/, '');
  const type = structs.btf.find('struct', cName);
  if (type === undefined) {
    throw new Error(`ring buffer ${map.cName}: its record, struct ${cName}, is not in the BTF`);
  }
  return { cName: map.cName, sizeBytes: map.maxEntries, record: structs.struct(type) };
}

function enumNames(header: string): string[] {
  return [...header.matchAll(/^enum (\w+) \{/gm)].map(([, name]) => name ?? '');
}

function describeEnum(btf: Btf, cName: string): EnumDescription {
  const type = btf.find('enum', cName);
  if (type === undefined) {
    throw new Error(
      `enum ${cName} is not in the object's BTF: nothing that clang emitted refers to it`,
    );
  }
  const last = type.enumerators.at(-1);
  const counted = last?.name.endsWith('_COUNT') === true ? last : undefined;
  const enumerators = type.enumerators.filter((enumerator) => enumerator !== counted);
  const prefix = commonPrefix(enumerators.map(({ name }) => name));
  const members = enumerators.map(({ name, value }) => ({
    name: camelCase(name.slice(prefix.length).toLowerCase()),
    value: Number(value),
  }));
  return { cName, members, ...(counted === undefined ? {} : { count: Number(counted.value) }) };
}

/** `const volatile` globals: the loader sets them before the verifier sees the programs. */
function constantNames(btf: Btf): string[] {
  return btf.types
    .filter((type) => type.kind === 'variable' && isConstVolatile(btf, type.type))
    .map(({ name }) => name)
    .sort();
}

function isConstVolatile(btf: Btf, identifier: number): boolean {
  const outer = btf.type(identifier);
  return outer.kind === 'const' && btf.type(outer.type).kind === 'volatile';
}

function programsOf(elf: ElfFile): ProgramDescription[] {
  const executable = elf.sections.filter(
    (section) => section.executable && section.name !== '.text',
  );
  const sections = new Set(executable.map(({ name }) => name));
  return elf.symbols
    .filter(({ kind, global }) => kind === 'function' && global)
    .flatMap(({ name, section = '' }) => (sections.has(section) ? [{ name, section }] : []))
    .sort((left, right) => (left.name < right.name ? -1 : 1));
}
