// A compiled BPF object: opened from bytes, given constants, sizes and existing maps, loaded; typed maps and programs of it.

import koffi from 'koffi';
import { littleEndian } from '../codec.ts';
import { errnoName, KernelError } from '../errno.ts';
import { type Libbpf, libbpf, type Pointer } from '../libbpf.ts';
import { allocateMemory, memoryAt } from '../memory.ts';
import { descriptorCalls } from './bpf.ts';
import { type ElfSymbol, parseElf } from './elf.ts';
import { explainLoadFailure } from './load-failure.ts';
import { BpfMap, type MapSpec } from './map.ts';
import { type MapType, mapTypeFromNumber } from './map-type.ts';
import { PerCpuMap, type PerCpuMapSpec } from './per-cpu-map.ts';
import { BpfProgram } from './program.ts';
import { type ProgramType, programTypeFromNumber } from './program-type.ts';
import { RingBuffer, type RingOptions, type RingSpec } from './ring-buffer.ts';

export interface ObjectProgram {
  readonly name: string;
  /** `tc`, `cgroup/connect4`, ... */
  readonly section: string;
  readonly type: ProgramType | undefined;
}

export interface ObjectMap {
  readonly name: string;
  readonly type: MapType | undefined;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
}

export interface OpenOptions {
  /** Prefix of the names of maps with globals: `NAME.rodata`, cut to 15 characters (default `bpf`). */
  readonly name?: string;
}

// Sections that libbpf supports since versions after 1.1 (uapi numbers): program type and expected attach type.
const laterSections: Readonly<Record<string, readonly [programType: number, attachType: number]>> =
  {
    'tcx/ingress': [3, 46],
    'tcx/egress': [3, 47],
    'netkit/primary': [3, 54],
    'netkit/peer': [3, 55],
    netfilter: [32, 45],
  };

/** Owns libbpf's object. Maps and programs taken from it have descriptors of their own and outlive it. */
export class BpfObject implements Disposable {
  readonly #library: Libbpf;
  readonly #object: Pointer;
  readonly #constants: ReadonlyMap<string, ElfSymbol>;
  #state: 'open' | 'loaded' | 'closed' = 'open';

  private constructor(library: Libbpf, object: Pointer, bytes: Uint8Array) {
    this.#library = library;
    this.#object = object;
    this.#constants = new Map(
      parseElf(bytes)
        .symbols.filter(({ kind, section }) => kind === 'object' && isReadOnlyData(section))
        .map((symbol) => [symbol.name, symbol]),
    );
    for (const program of this.#programPointers()) {
      const later = laterSections[library.programSection(program)];
      if (later === undefined) continue;
      library.setProgramType(program, later[0]);
      library.setExpectedAttachType(program, later[1]);
    }
  }

  /** Throws KernelError EINVAL (with libbpf's text) if the bytes are not a BPF object, Error if libbpf is missing. */
  static open(bytes: Uint8Array, options: OpenOptions = {}): BpfObject {
    const library = libbpf();
    const { value: openOptions, free } = encodeOpenOptions(options.name ?? 'bpf');
    try {
      const { result, log } = library.logged(() => {
        const object = library.openMemory(bytes, bytes.length, openOptions);
        return object ?? koffi.errno();
      });
      if (typeof result === 'bigint') return new BpfObject(library, result, bytes);
      const subject = options.name ?? `${bytes.length} bytes`;
      throw new KernelError({
        call: 'bpf object open',
        subject,
        code: openErrno(result),
        detail: log.join('; '),
      });
    } finally {
      free();
    }
  }

  get programs(): readonly ObjectProgram[] {
    return this.#programPointers().map((program) => ({
      name: this.#library.programName(program),
      section: this.#library.programSection(program),
      type: programTypeFromNumber(this.#library.programType(program)),
    }));
  }

  /** Maps that the object defines, and those that libbpf creates for its globals (`.rodata`, `.bss`, ...). */
  get maps(): readonly ObjectMap[] {
    return this.#mapPointers().map((map) => ({
      name: this.#library.mapName(map),
      type: mapTypeFromNumber(this.#library.mapType(map)),
      keySize: this.#library.mapKeySize(map),
      valueSize: this.#library.mapValueSize(map),
      maxEntries: this.#library.mapMaxEntries(map),
    }));
  }

  /**
   * Sets a `const volatile` integer or bool before the load: the verifier knows the value and removes dead branches.
   */
  setConstant(name: string, value: number | bigint | boolean): void {
    this.#expectOpen(`set the constant ${name}`);
    const symbol = this.#constants.get(name);
    const map = symbol && this.#library.findMap(this.#object, symbol.section ?? '');
    if (symbol === undefined || !map) {
      const known = [...this.#constants.keys()].join(', ');
      throw new RangeError(`the object has no constant ${name}; it has: ${known || 'none'}`);
    }
    const size: [number | bigint] = [0];
    const address = this.#library.mapInitialValue(map, size);
    if (address === null) throw new Error(`libbpf gives no initial value for ${symbol.section}`);
    writeInteger(memoryAt(address, Number(size[0])).view, symbol, BigInt(value));
  }

  setMaxEntries(map: string, entries: number): void {
    this.#expectOpen(`size ${map}`);
    const result = this.#library.setMapMaxEntries(this.#findMap(map), entries);
    this.#check(result, `set max entries ${entries}`, map);
  }

  /** Makes the object use this existing map instead of creating one. The caller keeps ownership of the descriptor. */
  reuseMap(map: string, fd: number): void {
    this.#expectOpen(`replace ${map}`);
    this.#check(this.#library.reuseMapFd(this.#findMap(map), fd), `reuse fd ${fd}`, map);
  }

  /** Excludes a program from the load, for example one that this kernel does not support. */
  setAutoload(program: string, on: boolean): void {
    this.#expectOpen(`choose ${program}`);
    this.#check(this.#library.setAutoload(this.#findProgram(program), on), 'autoload', program);
  }

  /**
   * Creates the maps and loads the programs. Throws KernelError: for `bpf program load` with the relevant lines of the
   * verifier's log (the cause has all of it), or for `bpf object load` with the features that the kernel lacks.
   */
  load(): void {
    this.#expectOpen('load');
    const library = this.#library;
    const verifierLog = allocateMemory(1 << 20); // the kernel (6.4) keeps the end of a longer log
    try {
      for (const program of this.#programPointers()) {
        library.setProgramLog(program, verifierLog.address, verifierLog.bytes.length);
      }
      const { result, log } = library.logged(() => library.load(this.#object));
      if (result < 0) {
        const verifierText = textOf(verifierLog.bytes);
        throw explainLoadFailure({ code: errnoName(result), log, verifierText, ...this.#used() });
      }
      this.#state = 'loaded';
    } finally {
      for (const program of this.#programPointers()) library.setProgramLog(program, 0n, 0);
      koffi.free(verifierLog.address);
    }
  }

  /** Returns the map with its own descriptor. Throws KernelError EINVAL if its type or sizes differ from the spec's. */
  map<K, V>(spec: MapSpec<K, V>): BpfMap<K, V> {
    return BpfMap.fromFd(this.#mapFd(spec.name), spec);
  }

  perCpuMap<K, V>(spec: PerCpuMapSpec<K, V>): PerCpuMap<K, V> {
    return PerCpuMap.fromFd(this.#mapFd(spec.name), spec);
  }

  ringBuffer<T>(spec: RingSpec<T>, options: RingOptions = {}): RingBuffer<T> {
    return new RingBuffer(this.#mapFd(spec.name), spec, options);
  }

  /** A descriptor of any of its maps, for calls that typed maps do not have. The caller closes it. */
  mapDescriptor(name: string): number {
    return this.#mapFd(name);
  }

  /** Returns the program with its own descriptor. */
  program(name: string): BpfProgram {
    this.#expectLoaded(name);
    const fd = this.#library.programFd(this.#findProgram(name));
    this.#check(fd, 'take program', name);
    return BpfProgram.fromFd(descriptorCalls.duplicate(fd), name);
  }

  [Symbol.dispose](): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#library.close(this.#object);
  }

  #mapFd(name: string): number {
    this.#expectLoaded(name);
    return descriptorCalls.duplicate(this.#library.mapFd(this.#findMap(name)));
  }

  #findMap(name: string): Pointer {
    const map = this.#library.findMap(this.#object, name);
    if (map !== null) return map;
    throw new RangeError(`the object has no map ${name}; it has: ${names(this.maps)}`);
  }

  #findProgram(name: string): Pointer {
    const found = this.#programPointers().find(
      (program) => this.#library.programName(program) === name,
    );
    if (found !== undefined) return found;
    throw new RangeError(`the object has no program ${name}; it has: ${names(this.programs)}`);
  }

  #programPointers(): Pointer[] {
    return collect((previous) => this.#library.nextProgram(this.#object, previous));
  }

  #mapPointers(): Pointer[] {
    return collect((previous) => this.#library.nextMap(this.#object, previous));
  }

  #used(): { programTypes: number[]; mapTypes: number[]; library: Libbpf } {
    const library = this.#library;
    return {
      programTypes: this.#programPointers().map((program) => library.programType(program)),
      mapTypes: this.#mapPointers().map((map) => library.mapType(map)),
      library,
    };
  }

  #check(result: number, verb: string, subject: string): void {
    if (result < 0) throw new KernelError({ call: `bpf object ${verb}`, subject, code: -result });
  }

  #expectOpen(step: string): void {
    if (this.#state !== 'open')
      throw new Error(`the object is ${this.#state}: too late to ${step}`);
  }

  #expectLoaded(what: string): void {
    if (this.#state !== 'loaded') throw new Error(`the object is not loaded: no ${what} to take`);
  }
}

/** libbpf has its own errnos from 4000, all about the contents of the object. */
function openErrno(errno: number): string {
  return errno >= 4000 ? 'EINVAL' : errnoName(errno);
}

/** struct bpf_object_open_opts of libbpf 1.1: its size, the object's name, the rest zero. */
function encodeOpenOptions(name: string): { value: Uint8Array; free: () => void } {
  const text = Buffer.from(`${name}\0`);
  const memory = allocateMemory(text.length);
  memory.bytes.set(text);
  const size = 80;
  const value = new DataView(new ArrayBuffer(size));
  value.setBigUint64(0, BigInt(size), littleEndian);
  value.setBigUint64(8, memory.address, littleEndian);
  return { value: new Uint8Array(value.buffer), free: () => koffi.free(memory.address) };
}

function writeInteger(view: DataView, symbol: ElfSymbol, value: bigint): void {
  const { name, offset, size } = symbol;
  if (![1, 2, 4, 8].includes(size))
    throw new RangeError(`${name} is not an integer: ${size} bytes`);
  const bits = BigInt(size * 8);
  if (value < -(1n << (bits - 1n)) || value >= 1n << bits)
    throw new RangeError(`${value} does not fit ${name}, which has ${size} bytes`);
  for (let index = 0; index < size; index++) {
    const place = littleEndian ? index : size - 1 - index;
    view.setUint8(offset + place, Number((value >> BigInt(index * 8)) & 0xffn));
  }
}

function isReadOnlyData(section: string | undefined): boolean {
  return section !== undefined && /^\.rodata(\.|$)/.test(section) && !/\.str\d/.test(section);
}

function collect(next: (previous: Pointer | null) => Pointer | null): Pointer[] {
  const found: Pointer[] = [];
  for (let item = next(null); item !== null; item = next(item)) found.push(item);
  return found;
}

function names(list: readonly { readonly name: string }[]): string {
  return list.map(({ name }) => name).join(', ') || 'none';
}

function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(bytes.subarray(0, end < 0 ? bytes.length : end)).toString('utf8');
}
