// Real packets with headers in page fragments, which no test run can create: the programs read them nevertheless.

import assert from 'node:assert/strict';
import { dropReason } from '../../src/datapath/generated.ts';
import { attachTcx } from '../../src/kernel/bpf/attach/tcx.ts';
import { protocols } from '../../src/net/protocol.ts';
import { testDatapath } from '../support/datapath.ts';
import { hostSideMac, places, web } from '../support/datapath-network.ts';
import {
  ethernet,
  etherTypes,
  extension,
  ip,
  nextHeaders,
  tcp,
  tcpFlags,
} from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';
import { addTap } from '../support/tap.ts';

const payload = new Uint8Array(6000);
const segment = tcp({ sourcePort: 40000, destinationPort: 80, flags: tcpFlags.ack }, payload);
const ethernetBytes = 14;
/** Beyond the last header of the longest packet here. */
const linearParts = [ethernetBytes, 20, 34, 50, 54, 70, 80, 100];

const packets = [
  ethernet(
    { source: web.mac, destination: hostSideMac, type: etherTypes.ipv4 },
    ip({ source: web[4], destination: places.world[4], protocol: protocols.tcp }, segment),
  ),
  ethernet(
    { source: web.mac, destination: hostSideMac, type: etherTypes.ipv6 },
    ip(
      { source: web[6], destination: places.world[6], protocol: nextHeaders.hopByHop },
      extension({ kind: nextHeaders.hopByHop, next: protocols.tcp, length: 24 }, segment),
    ),
  ),
];

rootTest('headers in page fragments are made readable, wherever the packet is cut', (context) => {
  const datapath = testDatapath(context);
  const { namespace } = datapath;
  const tap = addTap(context, namespace);
  const { mac, id, 4: ipv4, 6: ipv6 } = web;
  datapath.endpoints.set({ ifindex: tap.ifIndex }, { ipv4, ipv6, mac, id, queue: 0 });
  const program = datapath.program('from_pod');
  using _link = namespace.run(() =>
    attachTcx({ program, ifIndex: tap.ifIndex, direction: 'ingress' }),
  );
  for (const packet of packets) {
    for (const linear of linearParts) tap.send(packet, linear);
  }
  const bytes = packets.reduce((sum, packet) => sum + packet.length - ethernetBytes, 0);
  assert.deepEqual(datapath.endpointCounters(web.id).traffic[1], {
    packets: packets.length * linearParts.length,
    bytes: bytes * linearParts.length,
    droppedPackets: 0,
  });
  assert.equal(datapath.dropCounter(dropReason.malformed).packets, 0);
  for (const [key, flow] of datapath.flows.entries()) {
    assert.deepEqual([key.lowPort, key.highPort].sort(), [40000, 80]);
    assert.equal(flow.packets[0] + flow.packets[1], linearParts.length);
  }
  assert.equal([...datapath.flows.entries()].length, packets.length);
});
