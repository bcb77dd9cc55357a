// Forbidden packets: addresses that are not the pod's or of no network, source routes; each with its own drop reason,
// next to similar allowed ones. The tunnel's port, ICMP and packets from other nodes have their own files.

import assert from 'node:assert/strict';
import { parseAddress } from '../../src/net/address.ts';
import { protocols } from '../../src/net/protocol.ts';
import { testDatapath } from '../support/datapath.ts';
import { db, places, web } from '../support/datapath-network.ts';
import { clearFlows } from '../support/flow-packets.ts';
import { extension, nextHeaders } from '../support/packets.ts';
import {
  check,
  datagramBody,
  fate,
  type RefusedPacket,
  reasons,
} from '../support/refused-packets.ts';
import { rootTest } from '../support/root-test.ts';

const { malformed, martian, sourceRoute, spoofedAddress: spoofed } = reasons;

const mappedDb = `::ffff:${db[4]}`;
const mappedWeb = `::ffff:${web[4]}`;

const addresses: readonly RefusedPacket[] = [
  ...['127.0.0.1', '127.255.255.255', '0.0.0.0', '0.1.2.3'].map((destination) => ({
    ...{ what: 'never on a network', source: web[4], destination, fate: martian },
  })),
  ...['::', '::1'].map((destination) => ({
    ...{ what: 'never on a network', source: web[6], destination, fate: martian },
  })),
  ...[mappedDb, '::ffff:127.0.0.1', `::${db[4]}`, '::2'].map((destination) => ({
    ...{ what: 'IPv4 in an IPv6 header', source: web[6], destination, fate: malformed },
  })),
  ...[mappedWeb, mappedDb, `::${web[4]}`].map((source) => ({
    ...{ what: 'IPv4 in an IPv6 header', source, destination: mappedDb, fate: malformed },
  })),
  ...['127.0.0.1', '0.0.0.0', '224.0.0.1', '240.0.0.1', '255.255.255.255', places.node[4]].map(
    (source) => ({ what: 'not its own', source, destination: db[4], fate: spoofed }),
  ),
  ...['::', '::1', 'fe80::1', 'ff02::1', places.node[6]].map((source) => ({
    ...{ what: 'not its own', source, destination: db[6], fate: spoofed },
  })),
  { what: 'honest', source: web[4], destination: db[4], fate: 'redirect' },
  { what: 'honest', source: web[6], destination: db[6], fate: 'redirect' },
];

rootTest('addresses that no packet of a pod has', async (context) => {
  await check(context, testDatapath(context), addresses);
});

rootTest('a mapped address matches no IPv4 flow, on any hook', (context) => {
  const datapath = testDatapath(context);
  const there = { source: db[4], destination: web[4] };
  for (const program of ['from_pod', 'to_pod', 'from_overlay'] as const) {
    fate(datapath, { source: web[4], destination: db[4] });
    fate(datapath, { program: 'to_pod', ifIndex: web.ifIndex, ...there });
    const sent = { source: mappedWeb, destination: mappedDb };
    assert.equal(fate(datapath, { program, ...sent }), malformed, program);
    clearFlows(datapath);
  }
});

rootTest('an address of a family that the pod does not have is not its own', (context) => {
  const datapath = testDatapath(context);
  const endpoint = datapath.endpoints.get({ ifindex: web.ifIndex }) ?? assert.fail();
  const absent = parseAddress('::');
  datapath.endpoints.set({ ifindex: web.ifIndex }, { ...endpoint, ipv6: absent });
  for (const source of ['::', web[6]]) {
    for (const destination of [db[6], places.node[6], places.world[6]]) {
      assert.equal(fate(datapath, { source, destination }), spoofed, source);
    }
  }
  datapath.endpoints.set({ ifindex: web.ifIndex }, { ...endpoint, ipv4: absent });
  for (const source of ['0.0.0.0', web[4]]) {
    assert.equal(fate(datapath, { source, destination: db[4] }), spoofed, source);
  }
  assert.equal(fate(datapath, { source: web[6], destination: db[6] }), 'redirect');
});

const options = (...bytes: number[]): Uint8Array => {
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return padded;
};

const sourceRoutes: readonly RefusedPacket[] = [
  ...([0x83, 0x89] as const).flatMap((kind) =>
    [
      options(kind, 7, 4, 127, 0, 0, 1),
      options(1, 1, 1, kind, 7, 4, 192, 0, 2, 11),
      options(7, 7, 4, 0, 0, 0, 0, kind, 7, 4, 192, 0, 2, 11),
      options(...Array.from({ length: 37 }, () => 1), kind, 3, 4),
    ].map((bytes) => ({
      ...{ what: `option ${kind} in ${bytes.length} bytes`, source: web[4], destination: db[4] },
      ...{ header: { options: bytes }, fate: sourceRoute },
    })),
  ),
  ...[
    options(7, 7, 4, 0, 0, 0, 0),
    options(0x94, 4, 0, 0),
    options(0, 0x83, 7, 4, 127, 0, 0, 1),
    options(7, 11, 4, 0x83, 0x83, 0x83, 0x83, 0x83, 0x83, 0x83, 0x83),
  ].map((bytes) => ({
    ...{ what: 'other options', source: web[4], destination: db[4] },
    ...{ header: { options: bytes }, fate: 'redirect' },
  })),
  ...[0, 2, 3, 4, 200].flatMap((kind) =>
    ([0, 1, 255] as const).map((left) => {
      const routing = extension({ kind: 43, next: protocols.udp, length: 24 }, datagramBody()[1]);
      routing.set([kind, left], 2);
      const fate = left === 0 ? 'redirect' : sourceRoute;
      return {
        ...{ what: `routing type ${kind}, ${left} left`, source: web[6], destination: db[6], fate },
        body: [nextHeaders.routing, routing] as const,
      };
    }),
  ),
];

rootTest('a packet cannot choose its own path', async (context) => {
  const datapath = testDatapath(context);
  await check(context, datapath, sourceRoutes);
  const [first] = sourceRoutes;
  const plain = { source: web[4], destination: db[4] };
  assert.equal(fate(datapath, plain), 'redirect');
  assert.equal(first && fate(datapath, first), sourceRoute, 'nor on an established flow');
});
