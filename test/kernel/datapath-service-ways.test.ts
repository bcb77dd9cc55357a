// The ways of packets to Services: never remembered, always marked; and the packets that a Service does not get.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { FlowEvent } from '../../src/datapath/generated.ts';
import { protocols } from '../../src/net/protocol.ts';
import { type TestDatapath, testDatapath } from '../support/datapath.ts';
import {
  db,
  hostMac,
  hostSideMac,
  places,
  tunnelPort,
  uplink,
  web,
} from '../support/datapath-network.ts';
import { observe } from '../support/datapath-outcome.ts';
import { anotherMac } from '../support/flow-packets.ts';
import {
  ethernet,
  etherTypes,
  families,
  fragment,
  icmpEcho,
  icmpProtocol,
  ip,
  nextHeaders,
  tcp,
  tcpFlags,
  udp,
} from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';
import {
  addFrontend,
  addList,
  type ClientName,
  choiceOf,
  clients,
  everyNodeAddress,
  markedAs,
  markOfFrame,
  refusedChoice,
  type ServicePacket,
  servicePacket,
  shop,
} from '../support/service-packets.ts';

const port = 80;
const nodePort = 30_080;
const toShop = { client: 'pod', to: shop, port } as const;

function withShop(context: TestContext): TestDatapath {
  const datapath = testDatapath(context, { services: true });
  addList(datapath, 1, [7]);
  addShop(datapath);
  return datapath;
}

function addShop(datapath: TestDatapath): void {
  addFrontend(datapath, { address: shop, port, inside: choiceOf(1) });
  addFrontend(datapath, { address: shop, port: 0, inside: refusedChoice });
  addFrontend(datapath, { address: everyNodeAddress, port: nodePort, inside: choiceOf(1) });
}

function newGeneration({ tableGeneration }: TestDatapath): void {
  tableGeneration.set(0, (tableGeneration.get(0) ?? 0) + 1);
}

rootTest('each packet to a Service is looked up, and its flow is counted', (context) => {
  const datapath = withShop(context);
  for (const family of families) {
    for (const protocol of ['tcp', 'udp'] as const) {
      const packet: ServicePacket = { ...toShop, family, protocol };
      const later = { ...packet, flags: tcpFlags.ack };
      const events: FlowEvent[] = [];
      for (const one of [packet, later, later, later]) {
        const frame = servicePacket(one);
        events.push(...observe(datapath, 'from_pod', frame, { ifIndex: web.ifIndex }).events);
        const marked = protocol === 'udp' ? 'backend 7' : 'no backend';
        assert.equal(markedAs(datapath, later), marked);
      }
      assert.deepEqual(
        events.map(({ destination, destinationPort }) => [destination, destinationPort]),
        [[shop[family], port]],
      );
    }
  }
  const flows = [...datapath.flows.entries()];
  assert.equal(flows.length, 4);
  for (const [, { packets, way }] of flows) {
    assert.equal(packets[0] + packets[1], 8);
    assert.deepEqual(way, [0, 0], 'no way is remembered');
  }
});

rootTest('a Service that is added takes flows that the world had', (context) => {
  const datapath = testDatapath(context, { services: true });
  addList(datapath, 1, [7]);
  for (const family of families) {
    for (const to of [shop, places.node]) {
      const packet = { ...toShop, to, port: to === shop ? port : nodePort, family } as const;
      for (const flags of [tcpFlags.syn, tcpFlags.ack, tcpFlags.ack]) {
        assert.equal(markedAs(datapath, { ...packet, protocol: 'tcp', flags }), 'unmarked');
        assert.equal(markedAs(datapath, { ...packet, protocol: 'udp' }), 'unmarked');
      }
    }
  }
  addShop(datapath);
  newGeneration(datapath);
  for (const family of families) {
    for (const to of [shop, places.node]) {
      const packet = { ...toShop, to, port: to === shop ? port : nodePort, family } as const;
      const known = { ...packet, protocol: 'tcp', flags: tcpFlags.ack } as const;
      for (const _ of [1, 2, 3]) {
        assert.equal(markedAs(datapath, known), 'no backend');
        assert.equal(markedAs(datapath, { ...packet, protocol: 'udp' }), 'backend 7');
      }
    }
  }
});

/** A fragment of a datagram or of a SYN to the Service, from web or from the world. */
function piece(family: 4 | 6, client: ClientName, isFirst: boolean, protocol: 'tcp' | 'udp') {
  const { mac, from, program } = clients[client];
  const type = family === 4 ? etherTypes.ipv4 : etherTypes.ipv6;
  const destination = program === 'from_pod' ? hostSideMac : hostMac;
  const ports = { sourcePort: 40_000, destinationPort: port };
  const whole =
    protocol === 'udp'
      ? udp(ports, new Uint8Array(24))
      : tcp({ ...ports, flags: tcpFlags.syn }, new Uint8Array(4));
  const payload = isFirst ? whole.subarray(0, 24) : new Uint8Array([0, 80, 0, 80, 0, 8, 0, 0]);
  const header = { source: from[family], destination: shop[family], protocol: protocols[protocol] };
  const offset = isFirst ? 0 : 24;
  const packet =
    family === 4
      ? ip({ ...header, fragmentOffset: offset, moreFragments: isFirst }, payload)
      : ip(
          { ...header, protocol: nextHeaders.fragment },
          fragment({ next: header.protocol, offset, more: isFirst }, payload),
        );
  return ethernet({ source: mac, destination, type }, packet);
}

rootTest('of a fragmented packet, the first fragment has the mark', (context) => {
  const datapath = withShop(context);
  for (const family of families) {
    for (const client of ['pod', 'world'] as const) {
      for (const protocol of ['tcp', 'udp'] as const) {
        const first = piece(family, client, true, protocol);
        const last = piece(family, client, false, protocol);
        assert.equal(markOfFrame(datapath, client, first), 'backend 7');
        assert.equal(markOfFrame(datapath, client, last), 'unmarked');
      }
    }
  }
});

rootTest('ICMP to the address of a Service is not marked', (context) => {
  const datapath = withShop(context);
  for (const family of families) {
    for (const client of ['pod', 'world'] as const) {
      const { mac, from, program } = clients[client];
      const destination = program === 'from_pod' ? hostSideMac : hostMac;
      const type = family === 4 ? etherTypes.ipv4 : etherTypes.ipv6;
      const header = { source: from[family], destination: shop[family] };
      const protocol = icmpProtocol(family);
      const echo = ip({ ...header, protocol }, icmpEcho(family, { id: port }));
      const frame = ethernet({ source: mac, destination, type }, echo);
      assert.equal(markOfFrame(datapath, client, frame), 'unmarked');
    }
  }
});

rootTest('a Service takes a packet that another program has marked', (context) => {
  const datapath = withShop(context);
  for (const family of families) {
    for (const client of ['pod', 'world'] as const) {
      const packet = { ...toShop, client, family, protocol: 'udp' } as const;
      assert.equal(markedAs(datapath, packet, 5), 'backend 7');
      assert.equal(markedAs(datapath, { ...packet, to: places.world }, 5), 'mark 5');
    }
  }
});

rootTest('packets of a limited pod are marked after they have waited', (context) => {
  const datapath = withShop(context);
  const { id, mac, 4: ipv4, 6: ipv6 } = web;
  const queue = uplink;
  datapath.endpoints.set({ ifindex: web.ifIndex }, { ipv4, ipv6, mac, id, queue });
  for (const family of families) {
    const packet = { ...toShop, family, protocol: 'udp' } as const;
    for (const _ of [1, 2, 3]) {
      assert.equal(markedAs(datapath, packet), `mark ${web.ifIndex}`);
      assert.equal(markedAs(datapath, packet, web.ifIndex), 'backend 7');
    }
  }
});

interface Refused {
  readonly what: string;
  readonly packet: Omit<ServicePacket, 'family'>;
  readonly dropped: string;
}

const fromWorld = { client: 'world', protocol: 'udp' } as const;
const refused: readonly Refused[] = [
  {
    what: 'from a pod with the address of another',
    packet: { ...toShop, protocol: 'tcp', from: db },
    dropped: 'spoofed address',
  },
  {
    what: 'from a pod to the port of tunnels',
    packet: { client: 'pod', protocol: 'udp', to: places.node, port: tunnelPort },
    dropped: 'tunnel port',
  },
  {
    what: 'from outside with the address of a pod here',
    packet: { ...fromWorld, from: db, to: shop, port },
    dropped: 'spoofed outside',
  },
  {
    what: 'from outside with the address of a pod here, to a node port',
    packet: { ...fromWorld, from: db, to: places.node, port: nodePort },
    dropped: 'spoofed outside',
  },
  {
    what: 'from outside with the address of the node, to a node port',
    packet: { ...fromWorld, from: places.node, to: places.node, port: nodePort },
    dropped: 'spoofed outside',
  },
  {
    what: 'out of the tunnel, to the address of a Service',
    packet: { client: 'tunnel', protocol: 'udp', to: shop, port },
    dropped: 'no tunnel',
  },
];

rootTest('a Service does not get packets that are refused', async (context) => {
  const datapath = withShop(context);
  addFrontend(datapath, { address: places.node, port: tunnelPort, inside: choiceOf(1) });
  for (const { what, packet, dropped } of refused) {
    await context.test(what, () => {
      for (const family of families) {
        const { program, ifIndex } = clients[packet.client];
        const frame = servicePacket({ ...packet, family });
        const { outcome } = observe(datapath, program, frame, { ifIndex });
        assert.deepEqual([outcome.verdict, outcome.dropped], ['drop', [dropped]], `IPv${family}`);
      }
    });
  }
});

rootTest('a Service does not get the packets of tunnels', (context) => {
  const datapath = withShop(context);
  const port = tunnelPort;
  addFrontend(datapath, { address: places.node, port, inside: choiceOf(1) });
  for (const family of families) {
    const toNode = { client: 'world', to: places.node, port, family } as const;
    assert.equal(markedAs(datapath, { ...toNode, protocol: 'udp' }), 'unmarked');
    assert.equal(markedAs(datapath, { ...toNode, protocol: 'tcp' }), 'backend 7');
  }
});

rootTest('a packet that cannot be read to its end reaches no backend', (context) => {
  const datapath = withShop(context);
  const header = { source: places.world, destination: shop } as const;
  const cut = (bytes: number, family: 4 | 6) => {
    const segment = tcp({ sourcePort: 40_000, destinationPort: port, flags: tcpFlags.syn });
    const ends = { source: header.source[family], destination: header.destination[family] };
    const type = family === 4 ? etherTypes.ipv4 : etherTypes.ipv6;
    const packet = ip({ ...ends, protocol: protocols.tcp }, segment.subarray(0, bytes));
    return ethernet({ source: anotherMac, destination: hostMac, type }, packet);
  };
  for (const family of families) {
    assert.equal(markOfFrame(datapath, 'world', cut(3, family)), 'unmarked');
    assert.equal(markOfFrame(datapath, 'world', cut(4, family)), 'no backend');
    assert.equal(markOfFrame(datapath, 'world', cut(19, family)), 'no backend');
    assert.equal(markOfFrame(datapath, 'world', cut(20, family)), 'backend 7');
  }
});
