// ICMP in the name of others: errors about packets that were not sent to their sender, and neighbour discovery; from a
// pod here, and from another node for a pod here.

import { type Address, parseAddress } from '../../src/net/address.ts';
import { protocols } from '../../src/net/protocol.ts';
import { testDatapath } from '../support/datapath.ts';
import {
  type AddressByFamily,
  db,
  places,
  strangerIfIndex,
  tunnelDevice,
  uplink,
  web,
} from '../support/datapath-network.ts';
import {
  extension,
  fragment,
  icmpEcho,
  icmpError,
  icmpProtocol,
  ip,
  joined,
  nextHeaders,
  udp,
} from '../support/packets.ts';
import {
  check,
  errorBodyAbout,
  errorTypes,
  type PacketBody,
  ports,
  type RefusedPacket,
  reasons,
  type Sent,
} from '../support/refused-packets.ts';
import { rootTest } from '../support/root-test.ts';

const { forgedError, neighbourDiscovery: neighbour } = reasons;

const errors: readonly RefusedPacket[] = ([4, 6] as const).flatMap((family) => {
  const [own, other, node] = [web[family], db[family], places.node[family]];
  const other2 = places.native[family];
  const sent = { source: own, destination: node };
  return [
    ...errorTypes[family].flatMap((type): RefusedPacket[] => [
      {
        ...{ what: `type ${type}, about what the pod was sent`, ...sent },
        ...{ body: errorBodyAbout(family, type, { from: node, to: own }), fate: 'pass' },
      },
      ...(
        [
          ['about what another was sent', node, other],
          ['about what the pod itself sent', own, node],
          ['about what somebody else sent the pod', other2, own],
          ['about the node and another node', node, places.otherNode[family]],
        ] as const
      ).map(([what, from, to]) => ({
        ...{ what: `type ${type}, ${what}`, ...sent },
        ...{ body: errorBodyAbout(family, type, { from, to }), fate: forgedError },
      })),
    ]),
    {
      ...{ what: 'an error that quotes nothing', ...sent, fate: forgedError },
      body: [icmpProtocol(family), icmpError(errorTypes[family][0], new Uint8Array())],
    },
    {
      ...{ what: 'an error that quotes half a header', ...sent, fate: forgedError },
      body: [icmpProtocol(family), icmpError(errorTypes[family][0], new Uint8Array(12).fill(0x45))],
    },
    {
      ...{ what: 'a first fragment of an error', ...sent, fate: forgedError },
      ...firstFragment(family, errorBodyAbout(family, 3, { from: node, to: own })),
    },
    ...(family === 6
      ? [
          {
            ...{ what: 'a first fragment with a second fragment header', ...sent },
            ...{ body: twiceFragmented(errorBodyAbout(6, 3, { from: node, to: own })) },
            fate: forgedError,
          },
        ]
      : []),
    {
      ...{ what: 'an error about a packet of the other family', ...sent, fate: forgedError },
      body: [
        icmpProtocol(family),
        errorBodyAbout(family === 4 ? 6 : 4, 3, {
          from: places.node[family === 4 ? 6 : 4],
          to: web[family === 4 ? 6 : 4],
        })[1],
      ],
    },
    {
      ...{ what: 'to a pod here, about what it sent', source: own, destination: other },
      ...{ body: errorBodyAbout(family, 3, { from: other, to: own }), fate: 'redirect' },
    },
    {
      ...{ what: 'an echo request', ...sent, fate: 'pass' },
      body: [icmpProtocol(family), icmpEcho(family, { id: 1 })],
    },
  ];
});

rootTest('an ICMP error of a pod must quote a packet that it was sent', async (context) => {
  await check(context, testDatapath(context), errors);
});

rootTest('a pod is neither router nor neighbour', async (context) => {
  const types = [133, 134, 135, 136, 137];
  const cases = types.flatMap((type) =>
    [places.node[6], db[6], places.native[6]].map((destination) => ({
      ...{ what: `type ${type}`, source: web[6], destination, fate: neighbour },
      body: [protocols.icmpv6, joined([type, 0], new Uint8Array(22))] as const,
    })),
  );
  await check(context, testDatapath(context), cases);
});

interface Way {
  readonly program: 'from_overlay' | 'from_network' | 'to_pod';
  /** To a pod, through the stack. */
  readonly at?: Required<Pick<Sent, 'ifIndex' | 'ingressIfIndex'>>;
  /** The senders allowed there: a pod of that node, and the node itself. */
  readonly pod: AddressByFamily;
  readonly node: AddressByFamily;
  readonly third: AddressByFamily;
}

/** According to the routes: `pod` and `node` have the same next hop, `third` another. */
const waysIn: readonly Way[] = [
  {
    ...{ program: 'from_overlay', pod: places.tunnelled, node: places.otherNode },
    third: places.tunnelledOverIpv6,
  },
  {
    ...{ program: 'from_network', pod: places.native, third: places.otherNative },
    node: { 4: parseAddress('203.0.113.2'), 6: parseAddress('2001:db8:ffff::2') },
  },
];
/** A packet may arrive at the pod without passing the program before. */
const ways: readonly Way[] = waysIn.flatMap((way) => {
  const ingressIfIndex = way.program === 'from_network' ? uplink : tunnelDevice;
  return [way, { ...way, program: 'to_pod', at: { ifIndex: db.ifIndex, ingressIfIndex } }];
});

/** Errors to db from a pod of another node, about each kind of packet. */
function errorsOfNode(
  { program, at, pod, node, third }: Way,
  family: 4 | 6,
): readonly RefusedPacket[] {
  const passed = program === 'to_pod' ? 'pass' : 'redirect';
  const sent = { program, ...at, source: pod[family], destination: db[family] };
  const own = db[family];
  const about: readonly (readonly [string, Address, Address, string])[] = [
    ['what db sent that pod', own, pod[family], passed],
    ['what db sent another pod there', own, nextTo(pod[family]), passed],
    ['what db sent that node', own, node[family], passed],
    ['what db sent a pod of a third node', own, third[family], forgedError],
    ['what db sent a pod here', own, web[family], forgedError],
    ['what db sent this node', own, places.node[family], forgedError],
    ['what db sent the world', own, places.world[family], forgedError],
    ['what that pod sent db', pod[family], own, forgedError],
    ['what another pod here sent that pod', web[family], pod[family], forgedError],
  ];
  return errorTypes[family].flatMap((type) =>
    about.map(([what, from, to, expected]) => ({
      ...{ what: `${program}, type ${type}, about ${what}`, ...sent, fate: expected },
      body: errorBodyAbout(family, type, { from, to }),
    })),
  );
}

function nextTo(address: Address): Address {
  return parseAddress(address.replace(/\d+$/, (last) => `${Number(last) + 1}`));
}

/** Errors to db whose quote does not identify the packet. */
function unreadableErrors({ program, at, pod }: Way, family: 4 | 6): readonly RefusedPacket[] {
  const [type] = errorTypes[family];
  const sent = { program, ...at, source: pod[family], destination: db[family], fate: forgedError };
  const body = errorBodyAbout(family, type, { from: db[family], to: pod[family] });
  const [protocol, whole] = body;
  const header = family === 4 ? 20 : 40;
  return [
    ...[0, 12, header - 1].map((bytes) => ({
      ...{ what: `${program}, ${bytes} bytes quoted`, ...sent },
      body: [protocol, whole.subarray(0, 8 + bytes)] as const,
    })),
    ...[8, 16, whole.length].map((bytes) => ({
      ...{ what: `${program}, ${bytes} bytes in a first fragment`, ...sent },
      ...firstFragment(family, body, bytes),
    })),
  ];
}

/** The second fragment header belongs to a whole packet. */
function twiceFragmented([protocol, whole]: PacketBody): PacketBody {
  const inner = fragment({ next: protocol, offset: 0 }, whole);
  const { fragment: next } = nextHeaders;
  return [next, fragment({ next, offset: 0, more: true }, inner)];
}

/** The header states `bytes`; later bytes of the frame are padding. */
function firstFragment(
  family: 4 | 6,
  [protocol, whole]: PacketBody,
  bytes: number = whole.length,
): Pick<RefusedPacket, 'body' | 'header'> {
  if (family === 4) {
    const header = { moreFragments: true, claimedLength: 20 + bytes };
    return { body: [protocol, whole], header };
  }
  const piece = fragment({ next: protocol, offset: 0, more: true }, whole);
  return { body: [nextHeaders.fragment, piece], header: { claimedLength: 8 + bytes } };
}

/** Extension headers of these kinds, each of `length` bytes, before the packet that db sent `to`. */
function chained(to: AddressByFamily, kinds: readonly number[], cut?: number): PacketBody {
  const kindsAndEnd = [...kinds, protocols.udp];
  const payload = kinds.reduceRight<Uint8Array>(
    (rest, kind, index) => extension({ kind, next: kindsAndEnd[index + 1] ?? 0, length: 24 }, rest),
    udp(ports),
  );
  const header = { source: db[6], destination: to[6], protocol: kindsAndEnd[0] ?? 0 };
  return [protocols.icmpv6, icmpError(1, ip(header, payload).subarray(0, cut))];
}

rootTest('a quoted routing header does not add a second destination', async (context) => {
  const { hopByHop, routing, destinationOptions: options, authentication } = nextHeaders;
  const rows: readonly (readonly [string, readonly number[], isForged: boolean, cut?: number])[] = [
    ['other extension headers', [hopByHop, options, authentication], false],
    ['a routing header', [routing], true],
    ['a routing header behind others', [hopByHop, options, authentication, routing], true],
    ['a chain that is cut off', [hopByHop, options], true, 40 + 24],
    ['more headers than are followed', new Array<number>(7).fill(options), true],
  ];
  const cases = (
    [
      ['from_pod', web, 'pass'],
      ['from_overlay', places.tunnelled, 'next'],
      ['from_network', places.native, 'next'],
    ] as const
  ).flatMap(([program, from, onward]) =>
    rows.map(([what, kinds, isForged, cut]) => ({
      ...{ what: `${program}, ${what}`, program, source: from[6], destination: db[6] },
      ...{ fate: isForged ? forgedError : onward, body: chained(from, kinds, cut) },
    })),
  );
  await check(context, testDatapath(context), cases);
});

rootTest('an ICMP error of another node must quote a packet sent to that node', async (context) => {
  const datapath = testDatapath(context);
  for (const family of [4, 6] as const) {
    for (const way of ways) {
      await check(context, datapath, errorsOfNode(way, family));
      await check(context, datapath, unreadableErrors(way, family));
    }
  }
});

rootTest('the same applies to an error that a node sends with its own address', async (context) => {
  const cases = ([4, 6] as const).flatMap((family) =>
    (['from_overlay', 'from_network'] as const).flatMap((program) =>
      (
        [
          ['what db sent that node', places.otherNode, 'next'],
          [
            'what db sent a pod there',
            places.tunnelled,
            program === 'from_overlay' ? 'next' : forgedError,
          ],
          ['what db sent a pod of a third node', places.tunnelledOverIpv6, forgedError],
          ['what db sent the world', places.world, forgedError],
        ] as const
      ).map(([what, to, fate]) => ({
        ...{ what: `${program}, about ${what}`, program, fate },
        ...{ source: places.otherNode[family], destination: db[family] },
        body: errorBodyAbout(family, errorTypes[family][0], { from: db[family], to: to[family] }),
      })),
    ),
  );
  await check(context, testDatapath(context), cases);
});

rootTest('a router between nodes may send errors about any flow that it sees', async (context) => {
  const cases = ([4, 6] as const).flatMap((family) => {
    const sent = { program: 'from_network' as const, source: places.world[family] };
    const way = { ...sent, destination: db[family] };
    const about = (to: AddressByFamily): PacketBody =>
      errorBodyAbout(family, errorTypes[family][0], { from: db[family], to: to[family] });
    return [
      ...(
        [
          [places.native, 'next'],
          [places.otherNative, 'next'],
          [places.world, 'next'],
          [places.tunnelled, forgedError],
          [places.tunnelledOverIpv6, forgedError],
        ] as const
      ).map(([to, fate]) => ({
        ...{ what: `about what db sent to ${to[family]}`, ...way, fate, body: about(to) },
      })),
      {
        what: 'a first fragment',
        ...way,
        ...firstFragment(family, about(places.world)),
        fate: forgedError,
      },
    ];
  });
  await check(context, testDatapath(context), cases);
});

rootTest('no error about a tunnelled packet comes to a pod beside the tunnel', async (context) => {
  const cases = ([4, 6] as const).flatMap((family) =>
    ([strangerIfIndex, uplink, tunnelDevice] as const).flatMap((ingressIfIndex) => {
      const sent = { program: 'to_pod' as const, ifIndex: db.ifIndex, ingressIfIndex };
      const fateBeside = ingressIfIndex === tunnelDevice ? 'pass' : forgedError;
      const about = (to: AddressByFamily): PacketBody =>
        errorBodyAbout(family, errorTypes[family][0], { from: db[family], to: to[family] });
      return (['world', 'otherNode', 'node'] as const).flatMap((from): readonly RefusedPacket[] => {
        const way = { ...sent, source: places[from][family], destination: db[family] };
        return [
          ...(['tunnelled', 'tunnelledOverIpv6'] as const).map((to) => ({
            ...{ what: `${from} by ${ingressIfIndex}, about what db sent to ${to}`, ...way },
            ...{ fate: fateBeside, body: about(places[to]) },
          })),
          ...(['native', 'world', 'otherNode'] as const).map((to) => ({
            ...{ what: `${from} by ${ingressIfIndex}, about what db sent to ${to}`, ...way },
            ...{ fate: 'pass', body: about(places[to]) },
          })),
          {
            ...{ what: `${from} by ${ingressIfIndex}, a first fragment`, ...way },
            ...firstFragment(family, about(places.world)),
            fate: forgedError,
          },
        ];
      });
    }),
  );
  await check(context, testDatapath(context), cases);
});

rootTest('packets from other nodes to this node itself are left to the stack', async (context) => {
  const cases = ([4, 6] as const).flatMap((family) =>
    waysIn.map(({ program, pod, third }) => ({
      ...{ what: program, program, source: pod[family], destination: places.node[family] },
      ...{ fate: 'next' },
      body: errorBodyAbout(family, errorTypes[family][0], {
        from: places.node[family],
        to: third[family],
      }),
    })),
  );
  await check(context, testDatapath(context), cases);
});

rootTest('no other node is router or neighbour of a local pod', async (context) => {
  const discovery = [133, 134, 135, 136, 137].flatMap((type) =>
    (
      [
        ['from_overlay', places.tunnelled, neighbour],
        ['from_overlay', places.otherNode, neighbour],
        ['from_network', places.native, neighbour],
        ['from_network', places.otherNode, neighbour],
        // A router may probe whether the node still answers for the pod (proxy_ndp).
        ['from_network', places.world, 'next'],
      ] as const
    ).flatMap(([program, from, fate]) => {
      const message = joined([type, 0], new Uint8Array(22));
      const sent = { program, source: from[6], destination: db[6], fate };
      const first = fragment({ next: protocols.icmpv6, offset: 0, more: true }, message);
      return [
        { what: `${program}, type ${type}`, ...sent, body: [protocols.icmpv6, message] as const },
        {
          ...{ what: `${program}, type ${type}, a first fragment`, ...sent },
          body: [nextHeaders.fragment, first] as const,
        },
      ];
    }),
  );
  const redirects = ways.map(({ program, at, pod, third }) => ({
    ...{ what: `${program}, an IPv4 redirect`, program, ...at, source: pod[4], destination: db[4] },
    ...{ body: errorBodyAbout(4, 5, { from: db[4], to: third[4] }), fate: forgedError },
  }));
  await check(context, testDatapath(context), [...discovery, ...redirects]);
});
