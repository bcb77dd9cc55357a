// A pod that opens very many flows of two packets each: the kernel's LRU keeps entries that were used twice, so single
// packets would not evict an entry in use.

import { bpf, bpfChecked } from '../../src/kernel/bpf/bpf.ts';
import { skBuff } from '../../src/kernel/bpf/sk-buff.ts';
import { allocateMemory } from '../../src/kernel/memory.ts';
import { protocols } from '../../src/net/protocol.ts';
import type { TestDatapath } from './datapath.ts';
import { db, hostSideMac, places } from './datapath-network.ts';
import { encodeBytes } from './encode-bytes.ts';
import { ethernet, etherTypes, ip, udp } from './packets.ts';

const perTurn = 10_000;
const packetsOfFlow = 2;

/**
 * The pod db sends to this number of ports and addresses of the world; the packet is changed in place in the memory
 * that the kernel reads.
 */
export function floodFlows(datapath: TestDatapath, flows: number): void {
  const packet = ethernet(
    { source: db.mac, destination: hostSideMac, type: etherTypes.ipv4 },
    ip(
      { source: db[4], destination: places.world[4], protocol: protocols.udp },
      udp({ sourcePort: 0, destinationPort: 0 }),
    ),
  );
  const input = allocateMemory(packet.length);
  input.bytes.set(packet);
  const context = allocateMemory(encodeBytes(skBuff, {}).length);
  context.bytes.set(encodeBytes(skBuff, { ifIndex: db.ifIndex }));
  const ports = new DataView(input.bytes.buffer, input.bytes.byteOffset + 14 + 20, 4);
  const { fd } = datapath.program('from_pod');
  const fill: Parameters<typeof bpf>[2] = (to) => {
    to.u32(0, fd).u32(8, packet.length).u64(16, input.address).u32(32, packetsOfFlow);
    to.u32(40, context.bytes.length).u64(48, context.address);
  };
  const turn = (from: number, until: number): void => {
    for (let flow = from; flow < until; flow++) {
      ports.setUint32(0, flow + (1 << 16));
      const result = bpf('programTestRun', 80, fill);
      if (result < 0) bpfChecked(result, { call: 'bpf program test run', subject: 'from_pod' });
    }
  };
  for (let done = 0; done < flows; done += perTurn)
    datapath.namespace.run(() => turn(done, Math.min(flows, done + perTurn)));
}
