// No pod can send to the port of the tunnels, at any address of any node.

import assert from 'node:assert/strict';
import { parseAddress } from '../../src/net/address.ts';
import { giveExit, testDatapath } from '../support/datapath.ts';
import { db, places, uplink, web } from '../support/datapath-network.ts';
import { runIn } from '../support/namespaces.ts';
import { udp } from '../support/packets.ts';
import {
  check,
  datagramBody,
  fate,
  fragmentsOf,
  type PacketBody,
  ports,
  type RefusedPacket,
  reasons,
  toTunnelPort,
} from '../support/refused-packets.ts';
import { rootTest } from '../support/root-test.ts';

const forTunnel = reasons.tunnelPort;

const tunnelPorts: readonly RefusedPacket[] = (
  [
    ['this node', places.node, forTunnel],
    ['another node', places.otherNode, forTunnel],
    ['another pod', db, 'redirect'],
    ['a remote pod', places.native, 'redirect'],
  ] as const
).flatMap(([what, place, expected]) =>
  ([4, 6] as const).flatMap((family): RefusedPacket[] => {
    const sent = { source: web[family], destination: place[family] };
    const honest = expected === forTunnel ? 'pass' : expected;
    const lite: PacketBody = [136, udp(toTunnelPort, new Uint8Array(8))];
    return [
      { what, ...sent, body: datagramBody(toTunnelPort), fate: expected },
      { what: `${what}, another port`, ...sent, body: datagramBody(), fate: honest },
      // Packets that cannot be looked up, including fragments, go to the stack (docs/datapath.md, "Who owns a flow").
      { what: `${what}, UDP-Lite`, ...sent, body: lite, fate: 'pass' },
      ...fragmentsOf(family).map(([which, fragmented, isFirst]) => ({
        ...{ what: `${what}, ${which}`, ...sent, ...fragmented },
        fate: isFirst && (which === 'only fragment' || expected === forTunnel) ? expected : 'pass',
      })),
    ];
  }),
);

rootTest('a pod does not reach the tunnel port of any node', async (context) => {
  await check(context, testDatapath(context), tunnelPorts);
});

rootTest('for any port number, and at addresses that only the stack knows', (context) => {
  const datapath = testDatapath(context);
  giveExit(datapath);
  const { namespace, underlay } = datapath;
  const also = '10.88.0.1';
  runIn(namespace, 'ip', 'address', 'add', `${also}/24`, 'dev', `peer${uplink}`);
  runIn(namespace, 'sysctl', '-qw', `net.ipv4.conf.test${web.ifIndex}.forwarding=1`);
  const sent = { source: web[4], body: datagramBody(toTunnelPort) };
  assert.equal(fate(datapath, { ...sent, destination: also }), forTunnel);
  assert.equal(fate(datapath, { ...sent, destination: places.world[4] }), 'pass', 'the world');
  underlay.set(0, { address: places.node[4], ifindex: 0, port: 8472 });
  assert.equal(fate(datapath, { ...sent, destination: also }), 'pass');
  const other = datagramBody({ sourcePort: 1, destinationPort: 8472 });
  assert.equal(fate(datapath, { ...sent, body: other, destination: also }), forTunnel);
  underlay.set(0, { address: parseAddress('::'), ifindex: 0, port: 0 });
  assert.equal(fate(datapath, { ...sent, body: other, destination: also }), 'pass', 'mode native');
});

rootTest("a pod's flow to a port that becomes the tunnel port is looked up again", (context) => {
  const datapath = testDatapath(context);
  const sent = { source: web[4], destination: places.node[4] };
  assert.equal(fate(datapath, sent), 'pass');
  assert.equal(fate(datapath, sent), 'pass');
  datapath.underlay.set(0, { address: places.node[4], ifindex: 0, port: ports.destinationPort });
  datapath.tableGeneration.set(0, (datapath.tableGeneration.get(0) ?? 0) + 1);
  assert.equal(fate(datapath, sent), forTunnel);
});
