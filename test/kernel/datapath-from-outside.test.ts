// What comes in by an uplink for a pod here, by whose address it has.

import assert from 'node:assert/strict';
import { routeKind } from '../../src/datapath/generated.ts';
import { testDatapath } from '../support/datapath.ts';
import { db, places, tunnelDevice, uplink, web } from '../support/datapath-network.ts';
import { clearFlows, nativeRange, reroute } from '../support/flow-packets.ts';
import { check, fate, type RefusedPacket, reasons, type Sent } from '../support/refused-packets.ts';
import { rootTest } from '../support/root-test.ts';

const outside = reasons.spoofedOutside;

const fromOutside: readonly RefusedPacket[] = ([4, 6] as const).flatMap(
  (family): RefusedPacket[] => {
    const sent = { program: 'from_network', destination: db[family] } as const;
    const cases = [
      ['a pod of a neighbour', places.native, 'redirect'],
      ['a pod of this node', web, outside],
      ['the receiver itself', db, outside],
      ["an address of this node's range", places.nobody, outside],
      ['this node', places.node, outside],
      ['a pod behind a tunnel', places.tunnelled, outside],
      ['a pod behind a tunnel over IPv6', places.tunnelledOverIpv6, outside],
      ['another node', places.otherNode, 'next'],
      ['the world', places.world, 'next'],
    ] as const;
    return [
      ...cases.map(([what, place, expected]) => ({
        ...{ what, ...sent, source: place[family], fate: expected },
      })),
      {
        ...{ what: "a neighbour's pod by another interface", ...sent, ifIndex: tunnelDevice },
        ...{ source: places.native[family], fate: outside },
      },
    ];
  },
);

rootTest('from outside, a pod comes by the interface of its route alone', async (context) => {
  const datapath = testDatapath(context);
  await check(context, datapath, fromOutside);
  for (const family of [4, 6] as const) {
    const sent: Sent = {
      ...{ program: 'from_network', source: places.native[family], destination: db[family] },
    };
    const elsewhere = { ...sent, ifIndex: tunnelDevice };
    clearFlows(datapath);
    assert.equal(fate(datapath, sent), 'redirect');
    assert.equal(fate(datapath, sent), 'redirect');
    assert.equal(fate(datapath, elsewhere), outside, 'nor on an established flow');
    for (const otherIfindex of [
      [tunnelDevice, 0, 0],
      [7, tunnelDevice, 0],
      [7, 8, tunnelDevice],
    ]) {
      reroute(datapath, nativeRange[family], { otherIfindex });
      assert.equal(fate(datapath, elsewhere), 'redirect', 'two uplinks in one network');
    }
    reroute(datapath, nativeRange[family], { otherIfindex: [0, 0, 0] });
  }
});

rootTest('what can only be received by the stack is sent by the stack', (context) => {
  const datapath = testDatapath(context);
  for (const family of [4, 6] as const) {
    reroute(datapath, nativeRange[family], { kind: routeKind.stack });
    const there = { source: web[family], destination: places.native[family] };
    const back = { source: places.native[family], destination: web[family] };
    const arriving: Sent = { program: 'from_network', ...back };
    for (const when of ['first', 'again']) {
      assert.equal(fate(datapath, there), 'pass', when);
      assert.equal(fate(datapath, arriving), 'next', when);
    }
    assert.equal(fate(datapath, { ...arriving, ifIndex: tunnelDevice }), outside);
    const atPod: Sent = { program: 'to_pod', ifIndex: web.ifIndex, ...back };
    assert.equal(fate(datapath, { ...atPod, ingressIfIndex: uplink }), 'pass');
    assert.equal(fate(datapath, { ...atPod, ingressIfIndex: tunnelDevice }), outside);
    assert.equal(fate(datapath, there), 'pass', 'after the answer');
  }
});

const onwards: readonly RefusedPacket[] = ([4, 6] as const).flatMap((family): RefusedPacket[] =>
  (['world', 'native', 'tunnelled'] as const).flatMap((to) =>
    (
      [
        ['a pod here', web, outside],
        ["an address of this node's range", places.nobody, outside],
        ['this node', places.node, outside],
        ['a pod of a neighbour', places.otherNative, 'next'],
        ['a pod behind a tunnel', places.tunnelledOverIpv6, 'next'],
        ['another node', places.otherNode, 'next'],
        ['the world', { 4: '203.0.113.201', 6: '2001:db8:eeee::201' }, 'next'],
      ] as const
    ).map(([what, from, expected]) => ({
      ...{ what: `${what} to ${to}`, program: 'from_network', source: from[family] },
      ...{ destination: places[to][family], fate: expected },
    })),
  ),
);

rootTest('what the stack would send on does not have the source of a pod here', async (context) => {
  await check(context, testDatapath(context), onwards);
});

rootTest(
  "what the stack would send on has a neighbour's pod by an interface of its route",
  (context) => {
    const datapath = testDatapath(context);
    for (const family of [4, 6] as const) {
      for (const kind of [routeKind.native, routeKind.stack]) {
        for (const to of ['world', 'otherNative', 'tunnelled', 'nobody'] as const) {
          const sent: Sent = {
            ...{ program: 'from_network', source: places.native[family] },
            destination: places[to][family],
          };
          const elsewhere = { ...sent, ifIndex: tunnelDevice };
          reroute(datapath, nativeRange[family], { kind, otherIfindex: [0, 0, 0] });
          assert.equal(fate(datapath, sent), 'next', `to ${to}`);
          assert.equal(fate(datapath, elsewhere), outside, `to ${to}`);
          reroute(datapath, nativeRange[family], { otherIfindex: [7, 8, tunnelDevice] });
          assert.equal(fate(datapath, elsewhere), 'next', `to ${to}, by two uplinks`);
        }
      }
    }
  },
);
