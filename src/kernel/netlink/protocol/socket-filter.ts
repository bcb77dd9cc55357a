// Filters messages before they wake the subscriber: a classic BPF program at its socket, which the kernel runs on each
// message before queueing it (SO_ATTACH_FILTER).

import { setsockopt } from '../../libc.ts';
import { allocateMemory } from '../../memory.ts';

/** One instruction (struct sock_filter): operation, jump offsets for true and false, operand. */
export type FilterInstruction = readonly [code: number, yes: number, no: number, operand: number];

/** A line of a program before jumps are counted: a label's name, or an instruction whose jumps name labels. */
type FilterLine =
  | string
  | {
      readonly code: keyof typeof codes;
      readonly operand: number;
      /** Absent: the next line. */
      readonly yes?: string;
      readonly no?: string;
    };

// linux/filter.h. Loads put a byte, or two or four bytes in network order, into the accumulator, which jumps compare.
const codes = {
  loadByte: 0x30,
  loadHalf: 0x28,
  loadWord: 0x20,
  loadConstant: 0x00,
  /** The index register: what `loadWordAtIndex` starts from, and which attribute `attributeOffset` looks for. */
  indexConstant: 0x01,
  indexFromAccumulator: 0x07,
  loadWordAtIndex: 0x40,
  jumpIfEqual: 0x15,
  return: 0x06,
} as const;

/**
 * Operand of `loadWord`: offset of the first attribute whose type is in the index register, in the list that begins at the
 * accumulator; 0 if there is none (SKF_AD_OFF + SKF_AD_NLATTR).
 */
export const attributeOffset = 0xffff_f00c;

/** What a program returns: the message is queued, or nobody hears of it. */
export const filterVerdicts = { accept: 0xffff_ffff, drop: 0 } as const;

/** Jumps lead only forward, over at most 255 instructions. Throws for an unknown label. */
export function assembleFilter(lines: readonly FilterLine[]): readonly FilterInstruction[] {
  const labels = new Map<string, number>();
  const instructions: Exclude<FilterLine, string>[] = [];
  for (const line of lines) {
    if (typeof line === 'string') labels.set(line, instructions.length);
    else instructions.push(line);
  }
  const distance = (from: number, label: string | undefined): number => {
    if (label === undefined) return 0;
    const to = labels.get(label);
    if (to === undefined) throw new Error(`unknown label ${label}`);
    return to - from - 1;
  };
  return instructions.map(({ code, operand, yes, no }, index) => [
    codes[code],
    distance(index, yes),
    distance(index, no),
    operand,
  ]);
}

/** Throws KernelError (EINVAL: the program is malformed). */
export function attachFilter(fd: number, program: readonly FilterInstruction[]): void {
  const solSocket = 1;
  const attach = 26;
  const instructionBytes = 8;
  const memory = allocateMemory(program.length * instructionBytes);
  for (const [index, [code, yes, no, operand]] of program.entries()) {
    const at = index * instructionBytes;
    memory.view.setUint16(at, code, true);
    memory.view.setUint8(at + 2, yes);
    memory.view.setUint8(at + 3, no);
    memory.view.setUint32(at + 4, operand, true);
  }
  // struct sock_fprog: a count, padding, a pointer.
  const value = Buffer.alloc(16);
  value.writeUInt16LE(program.length);
  value.writeBigUInt64LE(memory.address, 8);
  setsockopt(fd, { level: solSocket, name: attach, value });
}
