// Prints every attempt to open a TCP connection through an interface, until Ctrl-C.
// Usage: node dist/examples/ebpf/watch-connections.js INTERFACE

import { readFileSync } from 'node:fs';
import { mappedAddress } from '../../src/kernel/address-codec.ts';
import { attachTcx } from '../../src/kernel/bpf/attach/tcx.ts';
import type { MapSpec } from '../../src/kernel/bpf/map.ts';
import { BpfObject } from '../../src/kernel/bpf/object.ts';
import type { RingSpec } from '../../src/kernel/bpf/ring-buffer.ts';
import { type Codec, u16be, u32, u64 } from '../../src/kernel/codec.ts';
import { linkByName } from '../../src/kernel/netlink/link.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { structCodec } from '../../src/kernel/struct-codec.ts';
import type { Address } from '../../src/net/address.ts';

interface Attempt {
  readonly source: Address;
  readonly destination: Address;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

// struct attempt of watch-connections.bpf.c: its size, and the offset of each field.
const attempt: Codec<Attempt> = structCodec(36, {
  source: [0, mappedAddress],
  destination: [16, mappedAddress],
  sourcePort: [32, u16be],
  destinationPort: [34, u16be],
});

const attempts: RingSpec<Attempt> = { name: 'attempts', sizeBytes: 256 * 1024, record: attempt };

const lost: MapSpec<number, number> = {
  name: 'lost',
  type: 'array',
  key: u32,
  value: u64,
  maxEntries: 1,
};

async function main(name: string): Promise<void> {
  using netlink = NetlinkSocket.open();
  const link = linkByName(netlink, name);
  if (link === undefined) throw new Error(`there is no interface ${name}`);

  const bytes = readFileSync(new URL('watch-connections.bpf.o', import.meta.url));
  using object = BpfObject.open(bytes, { name: 'watch' });
  object.load();
  using program = object.program('watch_connections');
  using lostMap = object.map(lost);
  using ring = object.ringBuffer(attempts, { countLost: () => lostMap.get(0) ?? 0 });
  using _attached = attachTcx({ program, ifIndex: link.ifIndex, direction: 'ingress' });

  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  console.log(`watching ${name}`);
  // The ring is not read while this loop's body runs. If the body is too slow, the ring fills up, and `lost` counts.
  for await (const { source, sourcePort, destination, destinationPort } of ring.records({
    signal: stop.signal,
  })) {
    console.log(`${source} port ${sourcePort} -> ${destination} port ${destinationPort}`);
  }
  console.log(`${ring.lost} lost`);
}

await main(process.argv[2] ?? 'lo');
