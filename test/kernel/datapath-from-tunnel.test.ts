// Packets from the tunnel, by their sender.

import assert from 'node:assert/strict';
import { parseAddress } from '../../src/net/address.ts';
import { routeKeyOf, testDatapath } from '../support/datapath.ts';
import { db, otherTunnelEnds, places, tunnelPort, web } from '../support/datapath-network.ts';
import { clearFlows, reroute, tunnelRange } from '../support/flow-packets.ts';
import { type OuterHeader, usualOuter } from '../support/out-of-tunnel.ts';
import {
  check,
  datagramBody,
  errorBodyAbout,
  fate,
  laterFragment,
  type RefusedPacket,
  reasons,
  type Sent,
} from '../support/refused-packets.ts';
import { rootTest } from '../support/root-test.ts';

const notTheNode = reasons.spoofedTunnel;
const stranger = parseAddress('203.0.113.66');
const overIpv6: OuterHeader = {
  source: otherTunnelEnds.tunnelledOverIpv6,
  destination: places.node[6],
  vni: usualOuter.vni,
};

const fromTunnel: readonly RefusedPacket[] = ([4, 6] as const).flatMap(
  (family): RefusedPacket[] => {
    const sent = { program: 'from_overlay', destination: db[family] } as const;
    const owned = { ...sent, source: places.tunnelled[family] };
    const sources = [
      ['a pod of that node', places.tunnelled, 'redirect'],
      ['that node itself', places.otherNode, 'next'],
      ['a pod of another node', places.tunnelledOverIpv6, notTheNode],
      ['a pod of a native route', places.native, notTheNode],
      ['a pod here', web, notTheNode],
      ['the receiver', db, notTheNode],
      ['nobody of our range', places.nobody, notTheNode],
      ['this node', places.node, notTheNode],
      ['the world', places.world, notTheNode],
    ] as const;
    const outers: readonly (readonly [string, Partial<OuterHeader>])[] = [
      ['from a stranger', { source: stranger }],
      [
        'from a stranger over IPv6',
        { source: parseAddress('2001:db8:ffff::66'), destination: places.node[6] },
      ],
      ['from this node', { source: places.node[4] }],
      ['to another address', { destination: parseAddress('203.0.113.9') }],
      ['in another VNI', { vni: 77 }],
      ['in VNI 0', { vni: 0 }],
      ['out of no tunnel', { absent: true }],
    ];
    return [
      ...sources.map(([what, place, expected]) => ({
        ...{ what, ...sent, source: place[family], fate: expected },
      })),
      ...outers.flatMap(([what, outer]) =>
        [db, places.node].map((to) => ({
          ...{ what, ...owned, destination: to[family] },
          ...{ outer: { ...usualOuter, ...outer }, fate: notTheNode },
        })),
      ),
      { what: 'to this node', ...owned, destination: places.node[family], fate: 'next' },
    ];
  },
);

rootTest('the tunnel accepts only packets with addresses of their sender', async (context) => {
  await check(context, testDatapath(context), fromTunnel);
});

rootTest('each packet without a flow must have a valid sender, too', (context) => {
  const datapath = testDatapath(context);
  for (const family of [4, 6] as const) {
    const sent = { program: 'from_overlay', source: places.tunnelled[family] } as const;
    const shapes: readonly (readonly [string, Pick<Sent, 'body' | 'header'>])[] = [
      ['next', laterFragment(family)],
      ['next', { body: [47, new Uint8Array(24)] }],
      [
        'redirect',
        { body: errorBodyAbout(family, 3, { from: db[family], to: places.tunnelled[family] }) },
      ],
    ];
    for (const [toPod, shape] of shapes) {
      for (const destination of [db[family], places.node[family]]) {
        const honest = fate(datapath, { ...sent, ...shape, destination });
        assert.equal(honest, destination === db[family] ? toPod : 'next');
        const outer = { ...usualOuter, source: stranger };
        assert.equal(fate(datapath, { ...sent, ...shape, destination, outer }), notTheNode);
      }
    }
  }
});

rootTest('no entry vouches for a sender that it does not know', async (context) => {
  const datapath = testDatapath(context);
  for (const family of [4, 6] as const) {
    const there = { source: web[family], destination: places.tunnelled[family] };
    const back: Sent = {
      ...{ program: 'from_overlay', source: there.destination, destination: there.source },
      body: datagramBody({ sourcePort: 53, destinationPort: 40000 }),
    };
    const forged: readonly Partial<OuterHeader>[] = [
      { source: stranger },
      { source: otherTunnelEnds.tunnelledOverIpv6, destination: places.node[6] },
      { vni: 77 },
      { destination: parseAddress('203.0.113.9') },
      { absent: true },
    ];
    await context.test(
      `IPv${family}: neither a flow opened by this end nor one of both ends`,
      () => {
        clearFlows(datapath);
        fate(datapath, there);
        for (let round = 0; round < 3; round++) {
          for (const outer of forged) {
            const found = fate(datapath, { ...back, outer: { ...usualOuter, ...outer } });
            assert.equal(found, notTheNode, JSON.stringify(outer));
          }
          assert.equal(fate(datapath, back), 'redirect');
        }
      },
    );
    await context.test(`IPv${family}: nor after the pod has moved to another node`, () => {
      clearFlows(datapath);
      fate(datapath, back);
      assert.equal(fate(datapath, back), 'redirect');
      reroute(datapath, tunnelRange[family], { nextHop: stranger });
      datapath.tableGeneration.set(0, (datapath.tableGeneration.get(0) ?? 0) + 1);
      assert.equal(fate(datapath, back), notTheNode);
      const outer = { ...usualOuter, source: stranger };
      assert.equal(fate(datapath, { ...back, outer }), 'redirect');
      assert.equal(fate(datapath, { ...back, outer }), 'redirect');
      reroute(datapath, tunnelRange[family], { nextHop: otherTunnelEnds.tunnelled });
      datapath.tableGeneration.set(0, (datapath.tableGeneration.get(0) ?? 0) + 1);
    });
  }
});

rootTest('tunnels over IPv6 follow the same rules', (context) => {
  const datapath = testDatapath(context);
  datapath.underlay.set(0, { address: places.node[6], ifindex: 0, port: tunnelPort });
  for (const family of [4, 6] as const) {
    const sent: Sent = {
      ...{ program: 'from_overlay', source: places.tunnelledOverIpv6[family] },
      destination: db[family],
    };
    for (let round = 0; round < 3; round++) {
      assert.equal(fate(datapath, { ...sent, outer: overIpv6 }), 'redirect');
      for (const outer of [
        { source: parseAddress('2001:db8:ffff::5') },
        { vni: 77 },
        { destination: parseAddress('2001:db8:ffff::9') },
      ]) {
        const found = fate(datapath, { ...sent, outer: { ...overIpv6, ...outer } });
        assert.equal(found, notTheNode, JSON.stringify(outer));
      }
      assert.equal(fate(datapath, { ...sent, outer: usualOuter }), notTheNode);
    }
    clearFlows(datapath);
  }
});

rootTest('a node may send by its tunnel as any of its addresses, and from any', (context) => {
  const datapath = testDatapath(context);
  const second = parseAddress('203.0.113.33');
  const key = routeKeyOf('203.0.113.33/32');
  const route = datapath.routes.get(routeKeyOf('203.0.113.3/32')) ?? assert.fail();
  datapath.routes.set(key, route);
  const outer = { ...usualOuter, source: second };
  for (const source of [places.tunnelled[4], places.otherNode[4], second]) {
    const sent = { program: 'from_overlay', source, destination: db[4] } as const;
    for (let round = 0; round < 3; round++) {
      const accepted = source === places.tunnelled[4] ? 'redirect' : 'next';
      assert.equal(fate(datapath, { ...sent, outer }), accepted, source);
      assert.equal(fate(datapath, sent), accepted, source);
    }
  }
});
