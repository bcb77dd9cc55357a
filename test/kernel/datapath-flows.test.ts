// Flow state: which packets open, continue, close and restart a flow, and the content of its events.

import assert from 'node:assert/strict';
import {
  type Flow,
  flowDirection,
  flowEventKind,
  flowPath,
  flowState,
  type ProgramName,
  trafficDirection,
} from '../../src/datapath/generated.ts';
import { protocols } from '../../src/net/protocol.ts';
import { type TestDatapath, testDatapath } from '../support/datapath.ts';
import {
  type AddressByFamily,
  db,
  hostMac,
  hostSideMac,
  type Pod,
  places,
  uplink,
  web,
} from '../support/datapath-network.ts';
import { observe } from '../support/datapath-outcome.ts';
import {
  ethernet,
  etherTypes,
  icmpEcho,
  icmpProtocol,
  icmpTooBig,
  ip,
  sctp,
  tcp,
  tcpFlags,
  udp,
} from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';

type Family = 4 | 6;
const families = [4, 6] as const;
const { fin, syn, rst, psh, ack } = tcpFlags;
const server = { sourcePort: 80, destinationPort: 40000 };
const client = { sourcePort: 40000, destinationPort: 80 };

interface Body {
  readonly protocol: number;
  readonly payload: Uint8Array;
}

function segment(flags: number, sender: 'client' | 'server', payload = 0): Body {
  const ports = sender === 'client' ? client : server;
  return { protocol: protocols.tcp, payload: tcp({ ...ports, flags }, new Uint8Array(payload)) };
}

/** A packet from `pod` to `to`. */
function fromPod(
  pod: Pod,
  to: AddressByFamily,
  family: Family,
  { protocol, payload }: Body,
): Uint8Array {
  const type = family === 4 ? etherTypes.ipv4 : etherTypes.ipv6;
  return ethernet(
    { source: pod.mac, destination: hostSideMac, type },
    ip({ source: pod[family], destination: to[family], protocol }, payload),
  );
}

/** Packets that connection tracking cannot look up pass the stack. */
function goesStraight({ protocol }: Body): boolean {
  const { tcp: ofTcp, udp: ofUdp, icmp, icmpv6 } = protocols;
  return [ofTcp, ofUdp, icmp, icmpv6].some((each) => each === protocol);
}

function send(datapath: TestDatapath, family: Family, body: Body, sender: Pod = web) {
  const packet = fromPod(sender, sender === web ? db : web, family, body);
  const { events, outcome } = observe(datapath, 'from_pod', packet, { ifIndex: sender.ifIndex });
  assert.equal(outcome.verdict, goesStraight(body) ? 'redirect' : 'pass');
  return events;
}

function onlyFlow(datapath: TestDatapath): Flow {
  const all = [...datapath.flows.entries()];
  assert.equal(all.length, 1);
  const [, flow] = all[0] ?? assert.fail('no flow');
  return flow;
}

const closings: readonly (readonly [
  string,
  readonly (readonly [number, 'client' | 'server'])[],
])[] = [
  [
    'both FINs',
    [
      [fin | ack, 'client'],
      [fin | ack, 'server'],
    ],
  ],
  [
    'both FINs, the server first',
    [
      [fin | ack, 'server'],
      [fin | ack, 'client'],
    ],
  ],
  ['a reset by the client', [[rst, 'client']]],
  ['a reset by the server', [[rst | ack, 'server']]],
];

for (const [how, closing] of closings) {
  rootTest(`a connection between two pods is one flow, and ${how} closes it once`, (context) => {
    const datapath = testDatapath(context);
    for (const family of families) {
      const [opened, ...extra] = send(datapath, family, segment(syn, 'client'));
      assert.deepEqual(extra, []);
      assert.equal(opened?.kind, flowEventKind.new);
      assert.deepEqual(
        [opened?.source, opened?.sourcePort, opened?.destination, opened?.destinationPort],
        [web[family], 40000, db[family], 80],
      );
      assert.deepEqual(
        [opened?.ifindex, opened?.direction, opened?.protocol, opened?.tcpFlags],
        [web.ifIndex, trafficDirection.egress, protocols.tcp, syn],
      );
      assert.deepEqual(send(datapath, family, segment(syn | ack, 'server'), db), []);
      assert.deepEqual(send(datapath, family, segment(ack, 'client')), []);
      assert.deepEqual(send(datapath, family, segment(ack | psh, 'client', 100)), []);
      const before = onlyFlow(datapath);
      assert.equal(before.state, flowState.open);
      const closed = closing.flatMap(([flags, sender]) =>
        send(datapath, family, segment(flags, sender), sender === 'client' ? web : db),
      );
      assert.deepEqual(
        closed.map(({ kind }) => kind),
        [flowEventKind.close],
      );
      const [close] = closed;
      assert.deepEqual(
        [close?.source, close?.sourcePort, close?.destination, close?.destinationPort],
        [web[family], 40000, db[family], 80],
        'whoever closes, the source is who opened',
      );
      assert.deepEqual([close?.ifindex, close?.direction], [web.ifIndex, trafficDirection.egress]);
      assert.equal(close?.createdNs, opened?.createdNs);
      const clientClosings = closing.filter(([, sender]) => sender === 'client').length;
      const headers = family === 4 ? 40 : 60;
      const packets = [3 + clientClosings, 1 + closing.length - clientClosings] as const;
      assert.deepEqual(close?.packets, packets);
      assert.deepEqual(close?.bytes, [packets[0] * headers + 100, packets[1] * headers]);
      assert.equal((close?.tcpFlags ?? 0) & (syn | ack | psh), syn | ack | psh);
      const late = how === 'a reset by the client' ? 'server' : 'client';
      const from = late === 'server' ? db : web;
      assert.deepEqual(send(datapath, family, segment(ack, late), from), [], 'a late packet');
      assert.deepEqual(send(datapath, family, segment(rst, 'server'), db), [], 'a late reset');
      assert.equal(onlyFlow(datapath).state, flowState.closed);

      const [again] = send(datapath, family, segment(syn, 'client'));
      assert.equal(again?.kind, flowEventKind.new, 'a SYN begins it anew');
      const restarted = onlyFlow(datapath);
      assert.equal(restarted.state, flowState.open);
      assert.deepEqual([restarted.packets[0], restarted.packets[1]].sort(), [0, 1]);
      datapath.flows.deleteBatch([...datapath.flows.entries()].map(([key]) => key));
    }
  });
}

const ends: readonly {
  readonly what: string;
  readonly closing: readonly (readonly [number, 'client' | 'server'])[];
  readonly last: readonly [number, 'client' | 'server', number];
}[] = [
  {
    what: 'the end that reset it continues to send',
    closing: [[rst, 'client']],
    last: [ack, 'client', 0],
  },
  {
    what: 'the end that was reset receives more',
    closing: [[rst, 'server']],
    last: [ack | psh, 'server', 9],
  },
  {
    what: 'there is data after both FINs',
    closing: [
      [fin | ack, 'client'],
      [fin | ack, 'server'],
    ],
    last: [ack, 'client', 100],
  },
];

for (const { what, closing, last } of ends) {
  rootTest(`a closed connection continues if ${what}, and is reported as a whole`, (context) => {
    const datapath = testDatapath(context);
    const by = (sender: 'client' | 'server'): Pod => (sender === 'client' ? web : db);
    for (const family of families) {
      send(datapath, family, segment(syn, 'client'));
      for (const [flags, sender] of closing) {
        send(datapath, family, segment(flags, sender), by(sender));
      }
      assert.equal(onlyFlow(datapath).state, flowState.closed);
      const [flags, sender, bytes] = last;
      assert.deepEqual(send(datapath, family, segment(flags, sender, bytes), by(sender)), []);
      assert.equal(onlyFlow(datapath).state, flowState.wentOn);
      const [close, again] = send(datapath, family, segment(syn, 'client'));
      assert.deepEqual([close?.kind, again?.kind], [flowEventKind.close, flowEventKind.new]);
      const headers = family === 4 ? 40 : 60;
      const total = (close?.bytes[0] ?? 0) + (close?.bytes[1] ?? 0);
      assert.equal(total, headers * (2 + closing.length) + bytes);
      assert.deepEqual(close?.source, web[family]);
      datapath.flows.deleteBatch([...datapath.flows.entries()].map(([key]) => key));
    }
  });
}

rootTest(
  'packets that the other end still has in transit after a reset do not reopen it',
  (context) => {
    const datapath = testDatapath(context);
    send(datapath, 4, segment(syn, 'client'));
    send(datapath, 4, segment(rst, 'client'));
    send(datapath, 4, segment(ack | psh, 'server', 100), db);
    send(datapath, 4, segment(rst, 'client'));
    assert.equal(onlyFlow(datapath).state, flowState.closed);
  },
);

rootTest('a key is ordered by address, then port, whoever sends first', (context) => {
  const datapath = testDatapath(context);
  for (const family of families) {
    send(datapath, family, segment(syn, 'server'), db);
    const [entry, ...others] = [...datapath.flows.entries()];
    assert.deepEqual(others, []);
    assert.deepEqual(entry?.[0], {
      low: web[family],
      high: db[family],
      lowPort: 40000,
      highPort: 80,
      protocol: protocols.tcp,
    });
    const flow = entry?.[1];
    assert.equal(flow?.initiator, flowDirection.high);
    assert.deepEqual(flow?.packets, [0, 1]);
    assert.deepEqual(flow?.tcpFlags, [0, syn]);
    assert.equal(flow?.ifindex, db.ifIndex);
    assert.equal(flow?.direction, trafficDirection.egress);
    datapath.flows.deleteBatch([...datapath.flows.entries()].map(([key]) => key));
  }
});

rootTest('a reset without a flow opens none', (context) => {
  const datapath = testDatapath(context);
  assert.deepEqual(send(datapath, 4, segment(rst | ack, 'server'), db), []);
  assert.deepEqual([...datapath.flows.entries()], []);
});

rootTest('a connection older than the flow table is picked up in its current state', (context) => {
  const datapath = testDatapath(context);
  const [event] = send(datapath, 6, segment(ack, 'server', 1000), db);
  assert.equal(event?.kind, flowEventKind.new);
  assert.equal(event?.tcpFlags, ack);
  assert.equal(event?.bytes[0], 1060);
});

const portOnly: readonly (readonly [string, (family: Family) => Body, (family: Family) => Body])[] =
  [
    [
      'UDP',
      () => ({ protocol: protocols.udp, payload: udp(client, new Uint8Array(20)) }),
      () => ({ protocol: protocols.udp, payload: udp(server, new Uint8Array(20)) }),
    ],
    [
      'UDP-Lite',
      () => ({ protocol: 136, payload: udp(client) }),
      () => ({ protocol: 136, payload: udp(server) }),
    ],
    [
      'SCTP',
      () => ({ protocol: protocols.sctp, payload: sctp(client) }),
      () => ({ protocol: protocols.sctp, payload: sctp(server) }),
    ],
    [
      'an echo',
      (family) => ({ protocol: icmpProtocol(family), payload: icmpEcho(family, { id: 0x4321 }) }),
      (family) => ({
        protocol: icmpProtocol(family),
        payload: icmpEcho(family, { id: 0x4321, reply: true }),
      }),
    ],
    [
      'a protocol without ports',
      () => ({ protocol: 47, payload: new Uint8Array(4) }),
      () => ({ protocol: 47, payload: new Uint8Array(4) }),
    ],
  ];

for (const [what, request, reply] of portOnly) {
  rootTest(`${what} and its reply are one flow that no packet closes`, (context) => {
    const datapath = testDatapath(context);
    for (const family of families) {
      const [opened] = send(datapath, family, request(family));
      assert.equal(opened?.kind, flowEventKind.new);
      if (what === 'an echo') {
        assert.deepEqual([opened?.sourcePort, opened?.destinationPort], [0x4321, 0x4321]);
      }
      assert.deepEqual(send(datapath, family, reply(family), db), []);
      const flow = onlyFlow(datapath);
      assert.deepEqual(flow.packets, [1, 1]);
      assert.equal(flow.state, flowState.open);
      datapath.flows.deleteBatch([...datapath.flows.entries()].map(([key]) => key));
    }
  });
}

rootTest('an ICMP error passes, is counted, and has no flow of its own', (context) => {
  const datapath = testDatapath(context);
  for (const family of families) {
    const about = ip(
      { source: web[family], destination: places.native[family], protocol: protocols.tcp },
      tcp({ ...client, flags: ack }).subarray(0, 8),
    );
    for (const [from, quoted, straight] of [
      [places.native, about, 'redirect'],
      [places.world, about, 'next'],
    ] as const) {
      const header = {
        source: from[family],
        destination: web[family],
        protocol: icmpProtocol(family),
      };
      const packet = ethernet(
        {
          source: hostSideMac,
          destination: hostMac,
          type: family === 4 ? etherTypes.ipv4 : etherTypes.ipv6,
        },
        ip(header, icmpTooBig(family, quoted)),
      );
      const ways: readonly (readonly [ProgramName, number, string])[] = [
        ['to_pod', web.ifIndex, 'pass'],
        ['from_network', uplink, straight],
      ];
      for (const [program, ifIndex, verdict] of ways) {
        const options = { ifIndex: ifIndex as typeof uplink };
        assert.deepEqual(observe(datapath, program, packet, options).outcome, {
          verdict,
          dropped: [],
          charged: [],
          counted: verdict === 'next' ? [] : ['web ingress'],
          events: [],
        });
      }
    }
  }
  assert.deepEqual([...datapath.flows.entries()], []);
});

rootTest('every segment of a long packet counts, and so do its headers', (context) => {
  const datapath = testDatapath(context);
  const packet = fromPod(web, db, 4, segment(ack, 'client', 3000));
  for (const gsoSegments of [3, 0]) {
    datapath.run('from_pod', packet, { ifIndex: web.ifIndex, gsoSize: 1400, gsoSegments });
  }
  const bytes = 2 * (3000 + 3 * 40);
  assert.deepEqual(onlyFlow(datapath).packets, [6, 0]);
  assert.deepEqual(onlyFlow(datapath).bytes, [bytes, 0]);
  const counted = { packets: 6, bytes, droppedPackets: 0 };
  assert.deepEqual(datapath.endpointCounters(web.id).traffic[1], counted);
  assert.deepEqual(datapath.endpointCounters(db.id).traffic[0], counted);
});

rootTest('the time of the last packet advances, that of the first stays', async (context) => {
  const datapath = testDatapath(context);
  send(datapath, 4, segment(syn, 'client'));
  const first = onlyFlow(datapath);
  assert.equal(first.lastSeenNs, first.createdNs);
  assert.ok(Math.abs(Number(process.hrtime.bigint()) - first.createdNs) < 60e9, 'CLOCK_MONOTONIC');
  await new Promise((resolve) => setTimeout(resolve, 30));
  send(datapath, 4, segment(ack, 'client'));
  const second = onlyFlow(datapath);
  assert.equal(second.createdNs, first.createdNs);
  assert.ok(second.lastSeenNs - first.lastSeenNs >= 20e6);
});

for (const [protocol, body] of [
  ['TCP', (sender: 'client' | 'server') => segment(sender === 'client' ? syn : syn | ack, sender)],
  [
    'UDP',
    (sender: 'client' | 'server') => ({
      protocol: protocols.udp,
      payload: udp(sender === 'client' ? client : server, new Uint8Array(20)),
    }),
  ],
] as const) {
  rootTest(`${protocol} that came through the stack stays there, both ways`, (context) => {
    const datapath = testDatapath(context);
    for (const family of families) {
      for (const peer of [db, places.native, places.tunnelled]) {
        const verdict = (
          sender: Pod | AddressByFamily,
          program: ProgramName,
          who: 'client' | 'server',
        ) => {
          const pod = who === 'client' && sender === db ? db : web;
          const source = who === 'client' ? { ...db, [family]: peer[family] } : web;
          const packet = fromPod(
            { ...source, mac: pod.mac },
            who === 'client' ? web : peer,
            family,
            body(who),
          );
          return observe(datapath, program, packet, { ifIndex: pod.ifIndex }).outcome.verdict;
        };
        assert.equal(verdict(web, 'from_pod', 'server'), 'redirect', 'not yet seen');
        assert.equal(verdict(peer, 'to_pod', 'client'), 'pass');
        assert.equal(
          onlyFlow(datapath).path,
          flowPath.throughStack,
          'also an entry that was there',
        );
        assert.equal(verdict(web, 'from_pod', 'server'), 'pass');
        if (peer === db) assert.equal(verdict(db, 'from_pod', 'client'), 'pass');
        datapath.flows.deleteBatch([...datapath.flows.entries()].map(([key]) => key));
      }
    }
  });
}
