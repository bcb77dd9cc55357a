// libbpf (1.1 or later) through koffi: the functions that kernel/bpf/object.ts needs to open, change and load a
// compiled object. The library is loaded on first use, so that everything else here works without it. The environment
// variable `LIBBPF` sets another path.

import koffi, { type LibraryHandle } from 'koffi';

/** Pointer to a struct of libbpf. */
export type Pointer = bigint & { readonly __pointer?: never };

export interface LoggedCall<Result> {
  readonly result: Result;
  /** Messages of libbpf, one per line, which were not printed. */
  readonly log: readonly string[];
}

const minimumVersion = { major: 1, minor: 1 } as const;

/** The functions of libbpf used here, under their own names without prefixes. */
export interface Libbpf {
  readonly version: string;
  openMemory(bytes: Uint8Array, size: number, options: Uint8Array): Pointer | null;
  load(object: Pointer): number;
  close(object: Pointer): void;
  nextProgram(object: Pointer, previous: Pointer | null): Pointer | null;
  nextMap(object: Pointer, previous: Pointer | null): Pointer | null;
  findMap(object: Pointer, name: string): Pointer | null;
  programName(program: Pointer): string;
  programSection(program: Pointer): string;
  programType(program: Pointer): number;
  programFd(program: Pointer): number;
  setProgramType(program: Pointer, type: number): number;
  setExpectedAttachType(program: Pointer, type: number): number;
  setAutoload(program: Pointer, on: boolean): number;
  setProgramLog(program: Pointer, buffer: bigint, size: number): number;
  mapName(map: Pointer): string;
  mapType(map: Pointer): number;
  mapKeySize(map: Pointer): number;
  mapValueSize(map: Pointer): number;
  mapMaxEntries(map: Pointer): number;
  setMapMaxEntries(map: Pointer, entries: number): number;
  reuseMapFd(map: Pointer, fd: number): number;
  mapInitialValue(map: Pointer, size: [number | bigint]): Pointer | null;
  mapFd(map: Pointer): number;
  /** 1: supported, 0: not supported, negative: unknown. */
  probeProgramType(type: number): number;
  probeMapType(type: number): number;
  /** Runs `call` and captures libbpf's messages (warnings and information) instead of printing them. */
  logged<Result>(call: () => Result): LoggedCall<Result>;
}

let loaded: Libbpf | undefined;

/** Throws an Error with instructions if libbpf is missing or too old. */
export function libbpf(): Libbpf {
  loaded ??= loadLibrary(process.env['LIBBPF'] ?? 'libbpf.so.1');
  return loaded;
}

function loadLibrary(path: string): Libbpf {
  const library = openLibrary(path);
  const number = (name: string): number => Number(library.func(`uint32_t ${name}()`)());
  const [major, minor] = [number('libbpf_major_version'), number('libbpf_minor_version')];
  const { major: least, minor: leastMinor } = minimumVersion;
  if (major < least || (major === least && minor < leastMinor)) {
    throw new Error(
      `${path} is libbpf ${major}.${minor}; at least ${least}.${leastMinor} is needed`,
    );
  }
  return bind(library, `${major}.${minor}`);
}

function openLibrary(path: string): LibraryHandle {
  try {
    return koffi.load(path);
  } catch (cause) {
    const advice =
      'install it (Debian: apt install libbpf1) or set LIBBPF to the path of another one';
    throw new Error(`libbpf cannot be loaded from ${path}: ${advice}`, { cause });
  }
}

function bind(library: LibraryHandle, version: string): Libbpf {
  const call = (prototype: string) => library.func(prototype);
  return {
    version,
    openMemory: call(
      'void *bpf_object__open_mem(const void *bytes, size_t size, const void *options)',
    ),
    load: call('int bpf_object__load(void *object)'),
    close: call('void bpf_object__close(void *object)'),
    nextProgram: call('void *bpf_object__next_program(void *object, void *previous)'),
    nextMap: call('void *bpf_object__next_map(void *object, void *previous)'),
    findMap: call('void *bpf_object__find_map_by_name(void *object, const char *name)'),
    programName: call('const char *bpf_program__name(void *program)'),
    programSection: call('const char *bpf_program__section_name(void *program)'),
    programType: call('int bpf_program__type(void *program)'),
    programFd: call('int bpf_program__fd(void *program)'),
    setProgramType: call('int bpf_program__set_type(void *program, int type)'),
    setExpectedAttachType: call(
      'int bpf_program__set_expected_attach_type(void *program, int type)',
    ),
    setAutoload: call('int bpf_program__set_autoload(void *program, bool on)'),
    setProgramLog: call(
      'int bpf_program__set_log_buf(void *program, uintptr_t buffer, size_t size)',
    ),
    mapName: call('const char *bpf_map__name(void *map)'),
    mapType: call('int bpf_map__type(void *map)'),
    mapKeySize: call('uint32_t bpf_map__key_size(void *map)'),
    mapValueSize: call('uint32_t bpf_map__value_size(void *map)'),
    mapMaxEntries: call('uint32_t bpf_map__max_entries(void *map)'),
    setMapMaxEntries: call('int bpf_map__set_max_entries(void *map, uint32_t entries)'),
    reuseMapFd: call('int bpf_map__reuse_fd(void *map, int fd)'),
    mapInitialValue: call('void *bpf_map__initial_value(void *map, _Out_ size_t *size)'),
    mapFd: call('int bpf_map__fd(void *map)'),
    probeProgramType: bindProbe(library, 'libbpf_probe_bpf_prog_type'),
    probeMapType: bindProbe(library, 'libbpf_probe_bpf_map_type'),
    logged: bindLog(library),
  };
}

function bindProbe(library: LibraryHandle, name: string): (type: number) => number {
  const probe = library.func(`int ${name}(int type, const void *options)`);
  return (type) => probe(type, null);
}

/** libbpf has one print function per process. This one is registered permanently and appends to `lines`. */
function bindLog(library: LibraryHandle): Libbpf['logged'] {
  const prototype = koffi.proto('int LibbpfPrint(int level, const char *format, void *arguments)');
  const format = koffi
    .load('libc.so.6')
    .func('int vsnprintf(void *into, size_t size, const char *format, void *arguments)');
  const buffer = Buffer.alloc(16 * 1024);
  const lastLevelKept = 1; // 0 warning, 1 information, 2 debug
  let lines: string[] = [];
  const print = (level: number, text: string, values: unknown) => {
    if (level > lastLevelKept) return 0;
    const length = format(buffer, buffer.length, text, values);
    const message = buffer.toString('utf8', 0, Math.min(length, buffer.length - 1));
    lines.push(message.replace(/^libbpf: /, '').trimEnd());
    return 0;
  };
  const callback = koffi.register(print, koffi.pointer(prototype));
  library.func('void *libbpf_set_print(LibbpfPrint *print)')(callback);
  return (call) => {
    lines = [];
    const result = call();
    return { result, log: lines };
  };
}
