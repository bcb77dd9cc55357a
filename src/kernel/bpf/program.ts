// A loaded BPF program: pin it, inspect it, or run it on a given packet without traffic.

import { littleEndian, u64 } from '../codec.ts';
import { GrowingMemory } from '../memory.ts';
import {
  bpf,
  bpfChecked,
  descriptorCalls,
  objectInfo,
  openById,
  readObjectName,
  returnedU32,
} from './bpf.ts';

export interface ProgramInfo {
  readonly id: number;
  /** At most 15 characters: the kernel cuts longer names. */
  readonly name: string;
  /** A hash of the instructions, 16 hexadecimal digits. */
  readonly tag: string;
  /** uapi enum bpf_prog_type. */
  readonly typeNumber: number;
  /** Both 0 unless /proc/sys/kernel/bpf_stats_enabled is 1. */
  readonly runTimeNs: number;
  readonly runCount: number;
  /** Number of instructions that the verifier walked to accept the program. Kernel 5.16; 0 on older ones. */
  readonly verifiedInstructions: number;
}

export interface TestRunInput {
  /** Starts with the Ethernet header; at least 14 bytes for tc and XDP programs. */
  readonly packet: Uint8Array;
  /** The program's context as the kernel's struct. The codec `skBuff` creates the one of tc programs. */
  readonly context?: Uint8Array;
  /** Number of runs on the same packet, of which the mean time is taken (default 1). */
  readonly repeat?: number;
}

export interface TestRunResult {
  /** The program's return value, signed: TCX_NEXT is -1. */
  readonly verdict: number;
  /** The packet after the run. */
  readonly packet: Uint8Array;
  /** The context after the run; empty if none was passed. */
  readonly context: Uint8Array;
  /** Mean duration of one run. */
  readonly durationNs: number;
}

const memory = {
  packetIn: new GrowingMemory(),
  packetOut: new GrowingMemory(),
  contextIn: new GrowingMemory(),
  contextOut: new GrowingMemory(),
  mapIds: new GrowingMemory(),
};

// The maximum that the verifier allows a program (MAX_USED_MAPS).
const maxMapIds = 64;

/** Owns its descriptor. */
export class BpfProgram implements Disposable {
  readonly fd: number;
  readonly name: string;
  #open = true;

  private constructor(fd: number, name: string) {
    this.fd = fd;
    this.name = name;
  }

  /** Takes ownership of the descriptor. */
  static fromFd(fd: number, name: string = programInfo(fd).name): BpfProgram {
    return new BpfProgram(fd, name);
  }

  /** Throws KernelError ENOENT if nothing is pinned there. */
  static openPinned(path: string): BpfProgram {
    const fd = descriptorCalls.openPinned(path);
    return BpfProgram.fromFd(bpfChecked(fd, { call: 'bpf program open', subject: path }));
  }

  /** Throws KernelError ENOENT if there is no such program. */
  static openById(id: number): BpfProgram {
    return BpfProgram.fromFd(openById('program', id));
  }

  /** Throws KernelError EEXIST if the path exists. */
  pin(path: string): void {
    bpfChecked(descriptorCalls.pin(this.fd, path), { call: 'bpf program pin', subject: path });
  }

  /** Equivalent to: `bpftool prog show`. */
  info(): ProgramInfo {
    return programInfo(this.fd);
  }

  /** Identifiers of the maps that it uses, at most 64, including those of its constants. Kernel 4.15. */
  mapIds(): readonly number[] {
    const ids = memory.mapIds.atLeast(4 * maxMapIds);
    const view = objectInfo(this.fd, 232, `program fd ${this.fd}`, (info) =>
      info.u32(52, maxMapIds).u64(56, ids.address),
    );
    const count = Math.min(view.getUint32(52, littleEndian), maxMapIds);
    return Array.from({ length: count }, (_, index) => ids.view.getUint32(4 * index, littleEndian));
  }

  /**
   * BPF_PROG_TEST_RUN, in the caller's network namespace: redirects and tunnel keys are set, but nothing is sent.
   * Kernel 4.12, with a context 5.2. Throws KernelError: EINVAL for a packet or context that the kernel refuses, ENODEV
   * for a context with a missing interface, ENOTSUPP for a program type that cannot be run this way.
   */
  testRun({ packet, context = new Uint8Array(), repeat = 1 }: TestRunInput): TestRunResult {
    const roomToGrow = 512; // for headers that the program pushes
    const packetIn = memory.packetIn.atLeast(packet.length);
    const packetOut = memory.packetOut.atLeast(packet.length + roomToGrow);
    const contextIn = memory.contextIn.atLeast(context.length);
    const contextOut = memory.contextOut.atLeast(context.length);
    packetIn.bytes.set(packet);
    contextIn.bytes.set(context);
    const result = bpf('programTestRun', 80, (to) => {
      to.u32(0, this.fd)
        .u32(8, packet.length)
        .u32(12, packet.length + roomToGrow);
      to.u64(16, packetIn.address).u64(24, packetOut.address).u32(32, repeat);
      if (context.length === 0) return;
      to.u32(40, context.length).u32(44, context.length);
      to.u64(48, contextIn.address).u64(56, contextOut.address);
    });
    bpfChecked(result, { call: 'bpf program test run', subject: this.name });
    return {
      verdict: returnedU32(4) | 0,
      packet: packetOut.bytes.slice(0, returnedU32(12)),
      context: contextOut.bytes.slice(0, context.length === 0 ? 0 : returnedU32(44)),
      durationNs: returnedU32(36),
    };
  }

  [Symbol.dispose](): void {
    if (this.#open) descriptorCalls.close(this.fd);
    this.#open = false;
  }
}

function programInfo(fd: number): ProgramInfo {
  const view = objectInfo(fd, 232, `program fd ${fd}`);
  const tag = new Uint8Array(view.buffer, view.byteOffset + 8, 8);
  return {
    typeNumber: view.getUint32(0, littleEndian),
    id: view.getUint32(4, littleEndian),
    tag: Buffer.from(tag).toString('hex'),
    name: readObjectName(view, 64),
    runTimeNs: u64.decode(view, 192),
    runCount: u64.decode(view, 200),
    verifiedInstructions: view.getUint32(216, littleEndian),
  };
}
