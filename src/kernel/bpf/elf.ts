// Reads the sections and symbols of a compiled BPF object (ELF64, System V ABI chapters 4 and 5).

export interface ElfSection {
  readonly name: string;
  /** Contains instructions (SHF_EXECINSTR): a program's section, or `.text` for subprograms. */
  readonly executable: boolean;
  /** Empty for sections without bytes in the file (`.bss`). */
  readonly bytes: Uint8Array;
}

export interface ElfSymbol {
  readonly name: string;
  readonly kind: 'object' | 'function' | 'other';
  readonly global: boolean;
  /** Name of the section; undefined for an undefined or absolute symbol. */
  readonly section: string | undefined;
  /** Bytes from the start of the section. */
  readonly offset: number;
  readonly size: number;
}

export interface ElfFile {
  readonly littleEndian: boolean;
  readonly sections: readonly ElfSection[];
  readonly symbols: readonly ElfSymbol[];
}

interface SectionHeader {
  readonly nameOffset: number;
  readonly type: number;
  readonly flags: number;
  readonly link: number;
  readonly bytes: Uint8Array;
}

const sectionType = { symbolTable: 2, noBytes: 8 } as const;
const executableFlag = 4;
const symbolSize = 24;

/** Throws if the bytes are not a 64-bit ELF file. */
export function parseElf(bytes: Uint8Array): ElfFile {
  if (bytes.length < 64 || Buffer.compare(bytes.subarray(0, 5), elf64Magic) !== 0) {
    throw new Error('not a 64-bit ELF file');
  }
  const littleEndian = bytes[5] === 1;
  const view = viewOf(bytes);
  const headers = sectionHeaders(bytes, view, littleEndian);
  const names = headers[view.getUint16(62, littleEndian)]?.bytes ?? new Uint8Array();
  const sections = headers.map((header) => ({
    name: stringAt(names, header.nameOffset),
    executable: (header.flags & executableFlag) !== 0,
    bytes: header.bytes,
  }));
  const table = headers.find((header) => header.type === sectionType.symbolTable);
  const strings = headers[table?.link ?? 0]?.bytes ?? new Uint8Array();
  const symbols = table === undefined ? [] : symbolsOf(table, { strings, sections, littleEndian });
  return { littleEndian, sections, symbols };
}

/** The bytes of the section; undefined if there is none with that name. */
export function elfSection(file: ElfFile, name: string): Uint8Array | undefined {
  return file.sections.find((section) => section.name === name)?.bytes;
}

const elf64Magic = Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2);

function sectionHeaders(bytes: Uint8Array, view: DataView, little: boolean): SectionHeader[] {
  const start = Number(view.getBigUint64(40, little));
  const entrySize = view.getUint16(58, little);
  return Array.from({ length: view.getUint16(60, little) }, (_, index) => {
    const at = start + index * entrySize;
    const type = view.getUint32(at + 4, little);
    const offset = Number(view.getBigUint64(at + 24, little));
    const size = type === sectionType.noBytes ? 0 : Number(view.getBigUint64(at + 32, little));
    return {
      nameOffset: view.getUint32(at, little),
      type,
      flags: Number(view.getBigUint64(at + 8, little)),
      link: view.getUint32(at + 40, little),
      bytes: bytes.subarray(offset, offset + size),
    };
  });
}

function symbolsOf(
  table: SectionHeader,
  context: { strings: Uint8Array; sections: readonly ElfSection[]; littleEndian: boolean },
): ElfSymbol[] {
  const { strings, sections, littleEndian } = context;
  const view = viewOf(table.bytes);
  return Array.from({ length: Math.floor(table.bytes.length / symbolSize) }, (_, index) => {
    const at = index * symbolSize;
    const info = view.getUint8(at + 4);
    const sectionIndex = view.getUint16(at + 6, littleEndian);
    return {
      name: stringAt(strings, view.getUint32(at, littleEndian)),
      kind: (['other', 'object', 'function'] as const)[info & 15] ?? 'other',
      global: info >> 4 !== 0,
      section: sectionIndex === 0 ? undefined : sections[sectionIndex]?.name,
      offset: Number(view.getBigUint64(at + 8, littleEndian)),
      size: Number(view.getBigUint64(at + 16, littleEndian)),
    };
  });
}

export function stringAt(table: Uint8Array, offset: number): string {
  const end = table.indexOf(0, offset);
  return Buffer.from(table.subarray(offset, end < 0 ? table.length : end)).toString('utf8');
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
