// Packets that arrive at an uplink for a pod here, by the owner of their source address.

import assert from 'node:assert/strict';
import { routeKind } from '../../src/datapath/generated.ts';
import { testDatapath } from '../support/datapath.ts';
import { db, places, tunnelDevice, uplink, web } from '../support/datapath-network.ts';
import { clearFlows, nativeRange, reroute } from '../support/flow-packets.ts';
import { extension, nextHeaders } from '../support/packets.ts';
import {
  check,
  datagramBody,
  errorBodyAbout,
  fate,
  type RefusedPacket,
  reasons,
  type Sent,
} from '../support/refused-packets.ts';
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

rootTest('from outside, a pod is reached only by the interface of its route', async (context) => {
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

rootTest('a packet that only the stack can receive is passed to the stack', (context) => {
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

rootTest(
  'a packet that the stack would forward must not have the source of a local pod',
  async (context) => {
    await check(context, testDatapath(context), onwards);
  },
);

rootTest(
  "a packet that the stack would forward may have a neighbour's pod as source only on its route's interface",
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

/** Packets that from_network does not read to their end, and that the stack may forward. */
const unread: readonly (readonly [what: string, 4 | 6, Pick<Sent, 'body' | 'header'>])[] = [
  ['seven extension headers', 6, { body: wrapped(7) }],
  ['hops still to be made', 6, { body: wrapped(1, nextHeaders.routing, 1) }],
  ['a chain of headers that is cut off', 6, { body: [nextHeaders.destinationOptions, cutOff()] }],
  ['a length that is left out', 6, { body: wrapped(1, 0), header: { claimedLength: 0 } }],
  ['a source route', 4, { header: { options: new Uint8Array([0x83, 7, 4, 192, 0, 2, 11, 0]) } }],
];

function wrapped(
  count: number,
  kind: number = nextHeaders.destinationOptions,
  segmentsLeft = 0,
): readonly [number, Uint8Array] {
  let [next, payload] = datagramBody();
  for (let i = 0; i < count; i++) {
    payload = extension({ kind, next }, payload);
    payload[3] = segmentsLeft;
    next = kind;
  }
  return [next, payload];
}

function cutOff(): Uint8Array {
  const header = new Uint8Array(8);
  header.set([nextHeaders.destinationOptions, 200]);
  return header;
}

rootTest('an unreadable packet must not have the source of a local pod either', async (context) => {
  const cases = unread.flatMap(([what, family, packet]): RefusedPacket[] =>
    (['world', 'native', 'tunnelled', 'node'] as const).flatMap((to) =>
      (
        [
          ['a pod here', web, outside],
          ["an address of this node's range", places.nobody, outside],
          ['this node', places.node, outside],
          ["a neighbour's pod", places.otherNative, 'next'],
          ["a neighbour's pod by another interface", places.otherNative, outside, tunnelDevice],
          ['a pod behind a tunnel', places.tunnelledOverIpv6, 'next'],
          ['another node', places.otherNode, 'next'],
          ['the world', { 4: '203.0.113.201', 6: '2001:db8:eeee::201' }, 'next'],
        ] as const
      ).map(([who, from, expected, ifIndex = uplink]) => ({
        ...{ what: `${what}, ${who} to ${to}`, program: 'from_network', ifIndex, ...packet },
        ...{ source: from[family], destination: places[to][family], fate: expected },
      })),
    ),
  );
  await check(context, testDatapath(context), cases);
});

const priority = [0x8100, 0x88a8, 0x8100, 0x8100, 0x8100].map((type) => ({ type, vlan: 0 }));
const ofVlan = { type: 0x8100, vlan: 5 };

rootTest('frames with up to four priority tags are treated like untagged ones', (context) => {
  const datapath = testDatapath(context);
  for (const family of [4, 6] as const) {
    const about = { from: db[family], to: places.tunnelled[family] };
    const error = errorBodyAbout(family, family === 4 ? 3 : 1, about);
    for (const [from, to, expected, body] of [
      [web, db, outside],
      [web, places.world, outside],
      [places.nobody, places.tunnelled, outside],
      [places.native, db, 'redirect'],
      [places.world, db, reasons.forgedError, error],
      [places.world, db, 'next'],
      [places.native, places.world, 'next'],
      [places.world, places.node, 'next'],
    ] as const) {
      const sent: Sent = {
        ...{ program: 'from_network', source: from[family], destination: to[family] },
        ...(body === undefined ? {} : { body }),
      };
      const [first, ...more] = priority;
      for (const tags of [[], ...[1, 2, 3, 4].map((count) => priority.slice(0, count))]) {
        clearFlows(datapath);
        const what = `${sent.source} > ${sent.destination}, ${tags.length} tags`;
        assert.equal(fate(datapath, { ...sent, tags }), expected, what);
      }
      assert.equal(fate(datapath, { ...sent, tags: priority }), reasons.notIp, 'one more');
      // Frames of that VLAN, whose interface receives them.
      for (const tags of [[ofVlan], [ofVlan, ...more], [...priority.slice(0, 3), ofVlan]])
        assert.equal(fate(datapath, { ...sent, tags }), 'next', 'of a VLAN');
      assert.equal(first?.vlan, 0);
    }
  }
});
