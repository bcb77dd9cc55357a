// Runs a program on very many packets: each is one of a few well-formed ones, changed in place in the memory that the
// kernel reads, so that a packet costs little more than its BPF_PROG_TEST_RUN.

import type { ProgramName } from '../../src/datapath/generated.ts';
import { bpf, bpfChecked, returnedU32 } from '../../src/kernel/bpf/bpf.ts';
import { skBuff } from '../../src/kernel/bpf/sk-buff.ts';
import { allocateMemory } from '../../src/kernel/memory.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import type { TestDatapath } from './datapath.ts';
import { encodeBytes } from './encode-bytes.ts';
import type { Random } from './random.ts';
import { randomPacket, shortest, tellingBytes } from './random-packets.ts';

export interface Milling {
  readonly program: ProgramName;
  readonly ifIndexes: readonly IfIndex[];
  readonly packets: number;
  readonly random: Random;
  /** Receives every `sampleEvery`th packet with its verdict. */
  readonly sampleEvery: number;
  sample(packet: Uint8Array, ifIndex: IfIndex, verdict: number): void;
}

const patterns = 4096;
const perTurn = 10_000;

/** Returns how often each verdict occurred. */
export function mill(datapath: TestDatapath, milling: Milling): ReadonlyMap<number, number> {
  const { program, packets, random, sampleEvery, sample } = milling;
  const corpus = Array.from({ length: patterns }, () => {
    const ifIndex = random.pick(milling.ifIndexes);
    const packet = randomPacket(random, program, ifIndex);
    return { ifIndex, packet, context: encodeBytes(skBuff, { ifIndex }) };
  });
  const input = allocateMemory(Math.max(...corpus.map(({ packet }) => packet.length)));
  const context = allocateMemory(encodeBytes(skBuff, {}).length);
  const { fd } = datapath.program(program);
  let length = 0;
  const fill: Parameters<typeof bpf>[2] = (to) => {
    to.u32(0, fd).u32(8, length).u64(16, input.address).u32(32, 1);
    to.u32(40, context.bytes.length).u64(48, context.address);
  };
  const verdicts = new Map<number, number>();
  const turn = (from: number, until: number): void => {
    for (let index = from; index < until; index++) {
      const chosen = random.pick(corpus);
      context.bytes.set(chosen.context);
      length = damageInto(input.bytes, chosen.packet, random);
      const result = bpf('programTestRun', 80, fill);
      if (result < 0) bpfChecked(result, { call: 'bpf program test run', subject: program });
      const verdict = returnedU32(4) | 0;
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
      if (index % sampleEvery === 0) sample(input.bytes.slice(0, length), chosen.ifIndex, verdict);
    }
  };
  for (let done = 0; done < packets; done += perTurn) {
    datapath.namespace.run(() => turn(done, Math.min(packets, done + perTurn)));
  }
  return verdicts;
}

/** Returns its length. One in four packets stays unchanged. */
function damageInto(memory: Uint8Array, packet: Uint8Array, random: Random): number {
  memory.set(packet);
  let { length } = packet;
  const damages = random.below(4);
  for (let damage = 0; damage < damages; damage++) {
    if (random.oneIn(6)) length = shortest + random.below(Math.max(1, length - shortest));
    const at = random.below(random.oneIn(3) ? length : Math.min(length, 60));
    memory[at] = random.oneIn(2) ? random.pick(tellingBytes) : random.below(256);
  }
  return length;
}
