// A pod with limited ingress gets its packets through the queue of its veth, and they are counted there, once; packets
// of a pod with limited egress wait first in a queue of the node.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { locationKind, type ProgramName } from '../../src/datapath/generated.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { addVeth } from '../../src/kernel/netlink/veth.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import type { Mac } from '../../src/net/mac.ts';
import { protocols } from '../../src/net/protocol.ts';
import { type TestDatapath, testDatapath } from '../support/datapath.ts';
import {
  type AddressByFamily,
  db,
  hostMac,
  hostSideMac,
  places,
  tunnelDevice,
  uplink,
  web,
} from '../support/datapath-network.ts';
import { type Outcome, observe } from '../support/datapath-outcome.ts';
import { ethernet, etherTypes, ip, tcp, tcpFlags } from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';

type Family = 4 | 6;

/** `db` is the limited one. */
function limitedDatapath(context: TestContext): TestDatapath {
  const datapath = testDatapath(context);
  const location = { kind: locationKind.endpoint, ifindex: db.ifIndex, endpointId: db.id };
  for (const family of [4, 6] as const) {
    datapath.addresses.set(db[family], { ...location, queued: 1 });
  }
  return datapath;
}

function toDb(family: Family, sender: AddressByFamily, macs: Pick<Way, 'source' | 'destination'>) {
  const type = family === 4 ? etherTypes.ipv4 : etherTypes.ipv6;
  const segment = tcp(
    { sourcePort: 40000, destinationPort: 80, flags: tcpFlags.syn },
    new Uint8Array(),
  );
  const header = { source: sender[family], destination: db[family], protocol: protocols.tcp };
  return ethernet({ ...macs, type }, ip(header, segment));
}

interface Way {
  readonly program: ProgramName;
  readonly ifIndex: IfIndex;
  readonly sender: AddressByFamily;
  readonly source: Mac;
  readonly destination: Mac;
  /** Before the queue. */
  readonly counted: readonly string[];
}

const ways: readonly Way[] = [
  {
    program: 'from_pod',
    ifIndex: web.ifIndex,
    sender: web,
    source: web.mac,
    destination: hostSideMac,
    counted: ['web egress'],
  },
  {
    program: 'from_network',
    ifIndex: uplink,
    sender: places.native,
    source: hostSideMac,
    destination: hostMac,
    counted: [],
  },
  {
    program: 'from_overlay',
    ifIndex: tunnelDevice,
    sender: places.tunnelled,
    source: hostSideMac,
    destination: hostMac,
    counted: [],
  },
];

for (const way of ways) {
  for (const family of [4, 6] as const) {
    rootTest(`${way.program} leaves the receiver to to_pod, IPv${family}`, (context) => {
      const datapath = limitedDatapath(context);
      const packet = toDb(family, way.sender, way);
      const before = observe(datapath, way.program, packet, { ifIndex: way.ifIndex }).outcome;
      assert.equal(before.verdict, 'redirect');
      assert.deepEqual(before.counted, way.counted);
      assert.deepEqual([...before.events, ...before.dropped], []);
      assert.equal(datapath.flows.count(), 0);

      const queued = toDb(family, way.sender, { source: hostSideMac, destination: db.mac });
      const after = observe(datapath, 'to_pod', queued, { ifIndex: db.ifIndex }).outcome;
      assert.equal(after.verdict, 'pass');
      assert.deepEqual(after.counted, ['db ingress']);
      assert.equal(after.events.length, 1);
      assert.equal(datapath.flows.count(), 1);
    });
  }
}

for (const family of [4, 6] as const) {
  rootTest(`to_pod alone counts a known flow's packets, IPv${family}`, (context) => {
    const datapath = limitedDatapath(context);
    const type = family === 4 ? etherTypes.ipv4 : etherTypes.ipv6;
    const ack = (sourcePort: number, destinationPort: number) =>
      tcp({ sourcePort, destinationPort, flags: tcpFlags.ack }, new Uint8Array());
    const [pod, neighbour] = [db[family], places.native[family]];
    const out = ip(
      { source: pod, destination: neighbour, protocol: protocols.tcp },
      ack(80, 40000),
    );
    const back = ip(
      { source: neighbour, destination: pod, protocol: protocols.tcp },
      ack(40000, 80),
    );
    const sent = () =>
      [...datapath.flows.entries()].map(([, { packets }]) => packets[0] + packets[1]);
    const fromDb = { source: db.mac, destination: hostSideMac, type };
    datapath.run('from_pod', ethernet(fromDb, out), { ifIndex: db.ifIndex });
    assert.deepEqual(sent(), [1]);
    const fromNode = { source: hostSideMac, destination: hostMac, type };
    datapath.run('from_network', ethernet(fromNode, back), { ifIndex: uplink });
    assert.deepEqual(sent(), [1]);
    const queued = { source: hostSideMac, destination: db.mac, type };
    datapath.run('to_pod', ethernet(queued, back), { ifIndex: db.ifIndex });
    assert.deepEqual(sent(), [2]);
  });
}

const fromWeb = { source: web.mac, destination: hostSideMac } as const;
const farEnd = (web.ifIndex + 2 ** 30) as IfIndex;

/** `web` has a limit for sending. */
function limitedSender(context: TestContext): TestDatapath {
  const datapath = testDatapath(context);
  const { ifIndex, mac, id, 4: ipv4, 6: ipv6 } = web;
  datapath.endpoints.set({ ifindex: ifIndex }, { ipv4, ipv6, mac, id, queue: uplink });
  using socket = NetlinkSocket.open({ namespace: datapath.namespace });
  addVeth(socket, { name: 'far', ifIndex: farEnd, up: true, peer: { name: 'near' } });
  return datapath;
}

for (const family of [4, 6] as const) {
  rootTest(
    `a limited sender's packets wait each time and then continue, IPv${family}`,
    (context) => {
      const datapath = limitedSender(context);
      const packet = toDb(family, web, fromWeb);
      const pass = (ifIndex: IfIndex, mark: number): Outcome =>
        observe(datapath, 'from_pod', packet, { ifIndex, mark }).outcome;
      const unseen = { verdict: 'redirect', counted: [], dropped: [], events: [] };
      // The second time its flow is known, which must not bypass the queue.
      for (const flows of [0, 1]) {
        const into = pass(web.ifIndex, 0);
        assert.deepEqual({ ...into, ...unseen }, into);
        assert.equal(datapath.flows.count(), flows);
        const back = pass(farEnd, web.ifIndex);
        assert.deepEqual({ ...back, ...unseen }, back);
        const waited = pass(web.ifIndex, web.ifIndex);
        assert.equal(waited.verdict, 'redirect');
        assert.deepEqual(waited.counted, ['web egress', 'db ingress']);
        assert.equal(datapath.flows.count(), 1);
      }
    },
  );

  rootTest(`a limited sender's packets are judged after waiting, IPv${family}`, (context) => {
    const datapath = limitedSender(context);
    const spoofed = toDb(family, places.native, fromWeb);
    const pass = (mark: number): Outcome =>
      observe(datapath, 'from_pod', spoofed, { ifIndex: web.ifIndex, mark }).outcome;
    assert.deepEqual([pass(0).verdict, pass(0).dropped], ['redirect', []]);
    const judged = pass(web.ifIndex);
    assert.equal(judged.verdict, 'drop');
    assert.equal(judged.dropped.length > 0, true);
  });

  rootTest(`a packet that reaches the far end directly is dropped, IPv${family}`, (context) => {
    const datapath = limitedSender(context);
    const packet = toDb(family, web, fromWeb);
    for (const mark of [0, 1, farEnd]) {
      const { verdict } = observe(datapath, 'from_pod', packet, { ifIndex: farEnd, mark }).outcome;
      assert.equal(verdict, 'drop', String(mark));
    }
  });
}
