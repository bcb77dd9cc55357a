// Counts the packets that arrive at an interface, by IP protocol, once a second until Ctrl-C.
// Usage: node dist/examples/ebpf/count-packets.js INTERFACE

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { attachTcx } from '../../src/kernel/bpf/attach/tcx.ts';
import { BpfObject } from '../../src/kernel/bpf/object.ts';
import type { PerCpuMapSpec } from '../../src/kernel/bpf/per-cpu-map.ts';
import { type Codec, u32, u64 } from '../../src/kernel/codec.ts';
import { linkByName } from '../../src/kernel/netlink/link.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { structCodec } from '../../src/kernel/struct-codec.ts';
import { protocolName } from '../../src/net/protocol.ts';

interface Count {
  readonly packets: number;
  readonly bytes: number;
}

// struct count of count-packets.bpf.c: its size, and the offset of each field.
const count: Codec<Count> = structCodec(16, { packets: [0, u64], bytes: [8, u64] });

const counts: PerCpuMapSpec<number, Count> = {
  name: 'counts',
  type: 'percpu_array',
  key: u32,
  value: count,
  maxEntries: 256,
};

async function main(name: string): Promise<void> {
  using netlink = NetlinkSocket.open();
  const link = linkByName(netlink, name);
  if (link === undefined) throw new Error(`there is no interface ${name}`);

  using object = BpfObject.open(readFileSync(new URL('count-packets.bpf.o', import.meta.url)), {
    name: 'count',
  });
  object.load();
  using program = object.program('count_packets');
  using map = object.perCpuMap(counts);
  // The program is detached when the link is disposed of or this process ends.
  using _attached = attachTcx({ program, ifIndex: link.ifIndex, direction: 'ingress' });

  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  console.log(`counting what arrives at ${name}`);
  while (!stop.signal.aborted) {
    await sleep(1000, undefined, { signal: stop.signal }).catch(() => undefined);
    const lines = [...map.entries()]
      .map(([protocol, perCpu]) => describe(protocol, perCpu))
      .filter((line) => line !== undefined);
    console.log(lines.join('   ') || 'nothing yet');
  }
}

/** Undefined for a protocol without packets. */
function describe(protocol: number, perCpu: readonly Count[]): string | undefined {
  const packets = perCpu.reduce((sum, slot) => sum + slot.packets, 0);
  const bytes = perCpu.reduce((sum, slot) => sum + slot.bytes, 0);
  if (packets === 0) return undefined;
  return `${protocol === 0 ? 'not IP' : protocolName(protocol)} ${packets} packets ${bytes} bytes`;
}

await main(process.argv[2] ?? 'lo');
