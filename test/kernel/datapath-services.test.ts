// Packets to Services: the mark that each program leaves on them for nftables. Each row runs for both families and for
// every protocol.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { locationKind } from '../../src/datapath/generated.ts';
import { protocols } from '../../src/net/protocol.ts';
import { type TestDatapath, testDatapath } from '../support/datapath.ts';
import { type AddressByFamily, db, places, web } from '../support/datapath-network.ts';
import { observe } from '../support/datapath-outcome.ts';
import { families, tcpFlags } from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';
import {
  addFrontend,
  addList,
  type ClientName,
  choiceOf,
  clients,
  everyNodeAddress,
  markedAs,
  refusedChoice,
  type ServicePacket,
  servicePacket,
  serviceProtocols,
  shop,
  silentChoice,
} from '../support/service-packets.ts';

/** Ports of the Service at `shop`. */
const ports = { served: 80, empty: 81, elsewhere: 82, ranged: 83, own: 84, replaced: 85 } as const;
const nodePort = 30_080;
const unusedPort = 8;
/** Address outside every source range below. */
const stranger: AddressByFamily = places.native;

function withServices(context: TestContext, services = true): TestDatapath {
  const datapath = testDatapath(context, { services });
  addList(datapath, 1, [7]);
  addList(datapath, 2, [8]);
  addList(datapath, 4, [9], web[4]);
  addList(datapath, 6, [9], web[6]);
  const [inside, outside] = [choiceOf(1), choiceOf(2, { masquerade: 1 })];
  const at = (port: number) => ({ address: shop, port, inside, outside });
  addFrontend(datapath, at(ports.served));
  addFrontend(datapath, { ...at(ports.empty), inside: refusedChoice, outside: refusedChoice });
  addFrontend(datapath, { ...at(ports.elsewhere), inside: silentChoice, outside: silentChoice });
  addFrontend(datapath, { ...at(ports.ranged), service: 3, hasSourceRanges: true });
  addFrontend(datapath, { ...at(ports.replaced), inside: choiceOf(99), outside: choiceOf(99) });
  addFrontend(datapath, { ...at(0), inside: refusedChoice, outside: refusedChoice });
  addFrontend(datapath, { ...at(nodePort), address: everyNodeAddress });
  addFrontend(datapath, { ...at(nodePort + 1), address: places.node });
  addFrontend(datapath, { ...at(ports.served), address: db });
  addFrontend(datapath, { ...at(ports.served), address: places.native });
  for (const family of families) {
    const own = { 4: shop[family], 6: shop[family] };
    addFrontend(datapath, { address: own, port: ports.own, inside: choiceOf(family) });
    for (const { from } of Object.values(clients)) {
      const address = from[family];
      const prefixLength = 32 + 128;
      datapath.services.sourceRanges.set({ prefixLength, service: 3, address }, { allowed: 1 });
    }
  }
  return datapath;
}

interface Row {
  readonly what: string;
  readonly client: ClientName;
  readonly to?: AddressByFamily;
  readonly port: number;
  readonly from?: AddressByFamily;
  readonly marked: string;
  /** The mark of packets that begin no connection (default: a Service's, without a backend). */
  readonly later?: string;
  /** Packets of a connection pass. */
  readonly dropped?: string;
}

const toNode = { to: places.node } as const;
const plain = { marked: 'unmarked', later: 'unmarked' } as const;

const rows: readonly Row[] = [
  ...(['pod', 'world'] as const).flatMap((client): readonly Row[] => {
    const marked = client === 'pod' ? 'backend 7' : 'backend 8, masqueraded';
    return [
      { what: 'a port of a Service', client, port: ports.served, marked },
      { what: 'a Service without backends', client, port: ports.empty, marked: 'refused' },
      { what: 'another port', client, port: unusedPort, marked: 'refused' },
      {
        ...{ what: 'a Service without backends here', client, port: ports.elsewhere },
        ...{ marked: 'no backend', dropped: 'no local backend' },
      },
      { what: 'a client in a source range', client, port: ports.ranged, marked },
      { what: 'a list being replaced', client, port: ports.replaced, marked: 'no backend' },
      { what: 'the node itself', client, ...toNode, port: unusedPort, ...plain },
      { what: 'an unknown address', client, to: places.otherNode, port: ports.served, ...plain },
      { what: 'a pod here', client, to: db, port: ports.served, ...plain },
    ];
  }),
  ...(['pod', 'world', 'tunnel'] as const).flatMap((client): readonly Row[] => {
    const marked = client === 'pod' ? 'backend 7' : 'backend 8, masqueraded';
    return [
      { what: 'a node port', client, ...toNode, port: nodePort, marked },
      { what: 'a port of one node address', client, ...toNode, port: nodePort + 1, marked },
      { what: 'the node itself', client, ...toNode, port: unusedPort, ...plain },
    ];
  }),
  {
    ...{ what: 'a client in no source range', client: 'world', from: places.otherNode },
    ...{ port: ports.ranged, marked: 'no backend', dropped: 'source range' },
  },
  {
    ...{ what: 'a Service whose backend is the pod itself', client: 'pod', port: ports.own },
    marked: 'backend 9, masqueraded',
  },
  {
    ...{ what: 'a node port at an address that is not the node', client: 'pod', to: stranger },
    ...{ port: nodePort, ...plain },
  },
  {
    ...{ what: 'a frontend at a remote pod', client: 'pod', to: stranger },
    ...{ port: ports.served, marked: 'backend 7' },
  },
];

const passVerdicts = { pod: 'pass', world: 'next', tunnel: 'next' } as const;

/** The first packet of a connection, and one that belongs to a connection; UDP has no other ones. */
function packetsOf(row: Row): readonly (readonly [ServicePacket, begins: boolean])[] {
  return families.flatMap((family) =>
    serviceProtocols.flatMap((protocol) => {
      const first = { to: shop, ...row, family, protocol };
      const later = { ...first, flags: tcpFlags.syn | tcpFlags.ack, chunk: 0 };
      const both = [[first, true] as const, [later, false] as const];
      return protocol === 'udp' ? [[first, true] as const] : both;
    }),
  );
}

rootTest('packets to Services are marked with what their client gets', async (context) => {
  const datapath = withServices(context);
  for (const row of rows) {
    await context.test(`${row.client}: ${row.what}`, () => {
      for (const [packet, begins] of packetsOf(row)) {
        const text = `IPv${packet.family} ${packet.protocol} ${begins ? 'first' : 'later'}`;
        const marked = begins ? row.marked : (row.later ?? 'no backend');
        assert.equal(markedAs(datapath, packet), marked, text);
        if (row.to === db || row.to === stranger) continue;
        const { program, ifIndex } = clients[row.client];
        const { outcome } = observe(datapath, program, servicePacket(packet), { ifIndex });
        const refused = begins && row.dropped !== undefined;
        assert.equal(outcome.verdict, refused ? 'drop' : passVerdicts[row.client], text);
        assert.deepEqual(outcome.dropped, refused ? [row.dropped] : [], text);
        const isOwn = row.client === 'pod';
        assert.deepEqual(outcome.counted, isOwn && !refused ? ['web egress'] : [], text);
        assert.deepEqual(outcome.charged, isOwn && refused ? ['web egress'] : [], text);
      }
    });
  }
});

rootTest('without Services, the same packets take the ways that they took before', (context) => {
  const datapath = withServices(context, false);
  for (const row of rows) {
    for (const [packet] of packetsOf(row)) {
      assert.equal(markedAs(datapath, packet), 'unmarked', row.what);
    }
  }
  assert.equal(datapath.services.affinities.count(), 0);
});

rootTest('TCP packets other than a SYN begin no connection', (context) => {
  const datapath = withServices(context);
  const { syn, ack, rst, fin, psh } = tcpFlags;
  const flags: readonly (readonly [number, string])[] = [
    [syn, 'backend 7'],
    [syn | psh, 'backend 7'],
    [syn | ack, 'no backend'],
    [ack, 'no backend'],
    [rst, 'no backend'],
    [fin | ack, 'no backend'],
    [0, 'no backend'],
  ];
  for (const family of families) {
    for (const [value, marked] of flags) {
      const packet = {
        to: shop,
        port: ports.served,
        family,
        protocol: 'tcp',
        flags: value,
      } as const;
      assert.equal(markedAs(datapath, { ...packet, client: 'pod' }), marked);
    }
  }
});

rootTest('a node port of one family is not one of the other', (context) => {
  for (const [family, other] of [
    [4, 6],
    [6, 4],
  ] as const) {
    const datapath = withServices(context);
    const key = { address: everyNodeAddress[family], port: nodePort, protocol: protocols.udp };
    assert.ok(datapath.services.frontends.delete(key));
    for (const [client, marked] of [
      ['pod', 'backend 7'],
      ['world', 'backend 8, masqueraded'],
    ] as const) {
      const packet = { client, to: places.node, port: nodePort, protocol: 'udp' } as const;
      assert.equal(markedAs(datapath, { ...packet, family }), 'unmarked');
      assert.equal(markedAs(datapath, { ...packet, family: other }), marked);
    }
  }
});

rootTest('node ports do not answer at an address of the node that has none', (context) => {
  const datapath = withServices(context);
  const kind = locationKind.hostPlain;
  for (const family of families)
    datapath.addresses.set(places.node[family], { kind, ifindex: 0, endpointId: 0, queued: 0 });
  for (const client of ['pod', 'world', 'tunnel'] as const)
    for (const family of families) {
      const marked = (port: number): string =>
        markedAs(datapath, { client, to: places.node, port, protocol: 'tcp', family });
      assert.equal(marked(nodePort), 'unmarked');
      // A frontend at that address itself.
      assert.match(marked(nodePort + 1), /^backend/);
    }
});
