// Valid and broken headers: nothing is read past its end, and unreadable packets are dropped and counted as malformed.

import assert from 'node:assert/strict';
import { type Address, addressBytes } from '../../src/net/address.ts';
import { macBytes } from '../../src/net/mac.ts';
import { protocols } from '../../src/net/protocol.ts';
import { type TestDatapath, testDatapath } from '../support/datapath.ts';
import {
  db,
  hostMac,
  hostSideMac,
  places,
  tunnelDevice,
  uplink,
  web,
} from '../support/datapath-network.ts';
import { type Outcome, observe } from '../support/datapath-outcome.ts';
import {
  ethernet,
  etherTypes,
  extension,
  fragment,
  type IpHeader,
  icmpEcho,
  ip,
  joined,
  nextHeaders,
  sctp,
  tcp,
  tcpFlags,
  udp,
} from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';

type Family = 4 | 6;
const ports = { sourcePort: 40000, destinationPort: 80 };
const segment = tcp({ ...ports, flags: tcpFlags.ack }, new Uint8Array(4));

function webToDb(
  family: Family,
  header: Omit<IpHeader, 'source' | 'destination'> & { readonly source?: Address },
  payload: Uint8Array,
): Uint8Array {
  const type = family === 4 ? etherTypes.ipv4 : etherTypes.ipv6;
  const addresses = { source: web[family], destination: db[family] };
  return ethernet(
    { source: web.mac, destination: hostSideMac, type },
    ip({ ...addresses, ...header }, payload),
  );
}

function leave(datapath: TestDatapath, packet: Uint8Array): Outcome {
  return observe(datapath, 'from_pod', packet, { ifIndex: web.ifIndex }).outcome;
}

const delivered = {
  verdict: 'redirect',
  dropped: [],
  charged: [],
  counted: ['web egress', 'db ingress'],
};
const leftToStack = { ...delivered, verdict: 'pass', counted: ['web egress'] };
const malformed = {
  verdict: 'drop',
  dropped: ['malformed'],
  charged: ['web egress'],
  counted: [],
  events: ['drop'],
};

/** Extension headers of these kinds, in this order, before a TCP segment. */
function chain(...kinds: readonly number[]): { protocol: number; payload: Uint8Array } {
  return kinds.reduceRight<{ protocol: number; payload: Uint8Array }>(
    ({ protocol: next, payload }, kind) => {
      const length = kind === nextHeaders.authentication ? 24 : 16;
      const packed =
        kind === nextHeaders.fragment
          ? fragment({ next, offset: 0 }, payload)
          : extension({ kind, next, length }, payload);
      return { protocol: kind, payload: packed };
    },
    { protocol: protocols.tcp, payload: segment },
  );
}

const { hopByHop, routing, destinationOptions, authentication } = nextHeaders;
const chains: readonly (readonly number[])[] = [
  [hopByHop],
  [routing],
  [destinationOptions],
  [authentication],
  [nextHeaders.fragment],
  [hopByHop, destinationOptions, routing, nextHeaders.fragment, authentication, destinationOptions],
];

rootTest('ports are found behind IPv4 options and IPv6 extension headers', (context) => {
  const datapath = testDatapath(context);
  const packets = [
    ...[4, 12, 40].map((length) =>
      webToDb(4, { protocol: protocols.tcp, options: new Uint8Array(length) }, segment),
    ),
    ...chains.map((kinds) => {
      const { protocol, payload } = chain(...kinds);
      return webToDb(6, { protocol }, payload);
    }),
  ];
  for (const packet of packets) {
    assert.deepEqual(leave(datapath, packet), { ...delivered, events: ['new'] });
    const [[key] = assert.fail('no flow')] = [...datapath.flows.entries()];
    assert.deepEqual([key.protocol, key.lowPort, key.highPort], [protocols.tcp, 40000, 80]);
    datapath.flows.delete(key);
  }
});

rootTest('more extension headers than the limit have their own reason', (context) => {
  const datapath = testDatapath(context);
  const { protocol, payload } = chain(...new Array<number>(7).fill(destinationOptions));
  assert.deepEqual(leave(datapath, webToDb(6, { protocol }, payload)), {
    ...malformed,
    dropped: ['extension headers'],
  });
});

rootTest('an extension header that ends past the packet is malformed', (context) => {
  const datapath = testDatapath(context);
  const huge = extension({ kind: hopByHop, next: protocols.tcp, length: 2048 }, segment);
  const cut = webToDb(6, { protocol: hopByHop }, huge.subarray(0, 64));
  assert.deepEqual(leave(datapath, cut), malformed);
  const whole = webToDb(6, { protocol: hopByHop }, huge);
  assert.deepEqual(leave(datapath, whole), { ...delivered, events: ['new'] });
});

rootTest('"no next header" is a packet without ports', (context) => {
  const datapath = testDatapath(context);
  const outcome = leave(datapath, webToDb(6, { protocol: nextHeaders.none }, new Uint8Array()));
  assert.deepEqual(outcome, { ...leftToStack, events: ['new'] });
});

rootTest(
  'the first fragment has ports, later ones pass without a flow, all through the stack',
  (context) => {
    const datapath = testDatapath(context);
    const later = new Uint8Array(16).fill(0xff);
    const six = nextHeaders.fragment;
    const next = protocols.tcp;
    const firsts = [
      webToDb(4, { protocol: next, moreFragments: true }, segment),
      webToDb(6, { protocol: six }, fragment({ next, offset: 0, more: true }, segment)),
    ];
    const rest = [
      webToDb(4, { protocol: next, fragmentOffset: 24, moreFragments: true }, later),
      webToDb(4, { protocol: next, fragmentOffset: 65528 }, later),
      webToDb(6, { protocol: six }, fragment({ next, offset: 24, more: true }, later)),
      webToDb(6, { protocol: six }, fragment({ next: hopByHop, offset: 65528 }, later)),
    ];
    for (const packet of firsts) {
      assert.deepEqual(leave(datapath, packet), { ...leftToStack, events: ['new'] });
    }
    for (const packet of rest) {
      assert.deepEqual(leave(datapath, packet), { ...leftToStack, events: [] });
    }
    assert.equal([...datapath.flows.entries()].length, 2);
  },
);

rootTest('a first fragment too short for its transport header is malformed', (context) => {
  const datapath = testDatapath(context);
  const tiny = segment.subarray(0, 8);
  const next = protocols.tcp;
  for (const packet of [
    webToDb(4, { protocol: next, moreFragments: true }, tiny),
    webToDb(6, { protocol: nextHeaders.fragment }, fragment({ next, offset: 0, more: true }, tiny)),
  ]) {
    assert.deepEqual(leave(datapath, packet), malformed);
  }
});

const transports: readonly (readonly [string, number, Uint8Array, number])[] = [
  ['TCP', protocols.tcp, tcp({ ...ports, flags: tcpFlags.ack }), 20],
  ['TCP with options', protocols.tcp, tcp({ ...ports, flags: tcpFlags.ack, dataOffset: 8 }), 32],
  ['UDP', protocols.udp, udp(ports), 8],
  ['SCTP', protocols.sctp, sctp(ports), 12],
  ['ICMP', protocols.icmp, icmpEcho(4, { id: 7 }), 8],
  ['ICMPv6', protocols.icmpv6, icmpEcho(6, { id: 7 }), 8],
];

rootTest('a transport header must be complete, to the byte', (context) => {
  const datapath = testDatapath(context);
  for (const family of [4, 6] as const) {
    for (const [name, protocol, whole, needed] of transports) {
      for (let length = 0; length <= whole.length; length++) {
        const packet = webToDb(family, { protocol }, whole.subarray(0, length));
        const { verdict } = leave(datapath, packet);
        const ofOther = family === 4 ? 'ICMPv6' : 'ICMP';
        const passed = name === 'SCTP' || name === ofOther ? 'pass' : 'redirect';
        assert.equal(verdict, length < needed ? 'drop' : passed, `${name} of ${length} bytes`);
        const padded = joined(packet, new Uint8Array(60));
        const { verdict: same } = leave(datapath, padded);
        assert.equal(same, verdict, `${name} of ${length} bytes, in a padded frame`);
      }
    }
  }
});

rootTest('a TCP header that claims less than its minimum or more than there is', (context) => {
  const datapath = testDatapath(context);
  for (const words of [0, 4, 6, 15]) {
    const wrong = tcp({ ...ports, flags: tcpFlags.ack });
    wrong[12] = words << 4;
    assert.deepEqual(leave(datapath, webToDb(4, { protocol: protocols.tcp }, wrong)), malformed);
  }
});

rootTest('an inconsistent IP header is malformed', (context) => {
  const datapath = testDatapath(context);
  const four = webToDb(4, { protocol: protocols.tcp }, segment);
  const six = webToDb(6, { protocol: protocols.tcp }, segment);
  const changed = (packet: Uint8Array, byte: number): Uint8Array => {
    const copy = packet.slice();
    copy[14] = byte;
    return copy;
  };
  for (const packet of [
    changed(four, 0x65),
    changed(four, 0x44),
    changed(four, 0x40),
    changed(six, 0x40),
    webToDb(4, { protocol: protocols.tcp, claimedLength: 19 }, segment),
    webToDb(4, { protocol: protocols.tcp, claimedLength: 0 }, segment),
    webToDb(4, { protocol: protocols.tcp, claimedLength: 1000 }, segment),
    webToDb(6, { protocol: protocols.tcp, claimedLength: 0 }, segment),
    webToDb(6, { protocol: protocols.tcp, claimedLength: 1000 }, segment),
  ]) {
    assert.deepEqual(leave(datapath, packet), malformed);
  }
});

rootTest('a segmented packet counts by its contents, whatever its header says', (context) => {
  const datapath = testDatapath(context);
  const long = tcp({ ...ports, flags: tcpFlags.ack }, new Uint8Array(3000));
  const counted = (): number => datapath.endpointCounters(web.id).traffic[1].bytes;
  for (const family of [4, 6] as const) {
    // 0: left to the kernel (BIG TCP).
    for (const claimedLength of [0, 60, 1000, 0xffff]) {
      const before = counted();
      const packet = webToDb(family, { protocol: protocols.tcp, claimedLength }, long);
      const { outcome } = observe(datapath, 'from_pod', packet, {
        ifIndex: web.ifIndex,
        gsoSize: 1000,
      });
      assert.deepEqual({ ...outcome, events: [] }, { ...delivered, events: [] });
      assert.equal(counted() - before, 3000 + 3 * (family === 4 ? 40 : 60), `${claimedLength}`);
    }
  }
});

rootTest("BIG TCP's own header is in none of its segments", (context) => {
  const datapath = testDatapath(context);
  const long = tcp({ ...ports, flags: tcpFlags.ack }, new Uint8Array(3000));
  // RFC 2675: the jumbo payload option, which the kernel removes when it creates the segments.
  const jumbo = joined([protocols.tcp, 0, 0xc2, 4, 0, 0, 0x0b, 0xd4], long);
  const outcomeTo = (to: Address, claimedLength: number, gsoSize: number): string => {
    const ends = { source: web[6], destination: to };
    const packet = ethernet(
      { source: web.mac, destination: hostSideMac, type: etherTypes.ipv6 },
      ip({ ...ends, protocol: nextHeaders.hopByHop, claimedLength }, jumbo),
    );
    return observe(datapath, 'from_pod', packet, { ifIndex: web.ifIndex, gsoSize }).outcome.verdict;
  };
  const counted = (): number => datapath.endpointCounters(web.id).traffic[1].bytes;
  for (const [to, fits] of [
    [places.native[6], 1440],
    [places.tunnelled[6], 1390],
  ] as const) {
    const before = counted();
    assert.equal(outcomeTo(to, 0, fits), 'redirect');
    assert.equal(counted() - before, 3000 + 3 * 60);
    assert.equal(outcomeTo(to, 0, fits + 1), 'pass');
    assert.equal(outcomeTo(to, jumbo.length, fits), 'pass', 'each segment has any other header');
  }
});

/** As long as the kernel's test run accepts: a tc packet has an Ethernet header and, if IP, its header. */
function shortestFor(family: Family): number {
  return 14 + (family === 4 ? 20 : 40);
}

const wholePackets: readonly (readonly [Family, Uint8Array])[] = [
  [4, webToDb(4, { protocol: protocols.tcp }, segment)],
  [4, webToDb(4, { protocol: protocols.udp, options: new Uint8Array(12) }, udp(ports))],
  [4, webToDb(4, { protocol: protocols.icmp }, icmpEcho(4, { id: 1 }))],
  [6, webToDb(6, { protocol: protocols.tcp }, segment)],
  [6, webToDb(6, chain(hopByHop, routing, nextHeaders.fragment), chain(hopByHop).payload)],
  [6, webToDb(6, { protocol: protocols.icmpv6 }, icmpEcho(6, { id: 1 }))],
];

rootTest('a packet cut off at any byte is dropped as malformed and counted once', (context) => {
  const datapath = testDatapath(context);
  for (const [family, whole] of wholePackets) {
    for (let length = shortestFor(family); length < whole.length; length++) {
      assert.deepEqual(leave(datapath, whole.slice(0, length)), malformed, `${length} bytes`);
    }
  }
});

rootTest('the same holds for the other hooks, but an uplink leaves it to the stack', (context) => {
  const datapath = testDatapath(context);
  const drops = [
    ['to_pod', db.ifIndex, ['db ingress']],
    ['from_overlay', tunnelDevice, []],
    ['to_overlay', tunnelDevice, []],
  ] as const;
  for (const [family, whole] of wholePackets) {
    const received = joined(macBytes(hostMac), whole.subarray(6));
    for (let length = shortestFor(family); length < whole.length; length++) {
      const cut = received.slice(0, length);
      for (const [program, ifIndex, charged] of drops) {
        const { outcome } = observe(datapath, program, cut, { ifIndex });
        assert.deepEqual(outcome, { ...malformed, charged }, `${program}, ${length} bytes`);
      }
      // A source of a neighbour: a source of a pod here would be spoofed.
      cut.set(addressBytes(places.native[family]), family === 4 ? 26 : 22);
      const { outcome } = observe(datapath, 'from_network', cut, { ifIndex: uplink });
      const untouched = { verdict: 'next', dropped: [], charged: [], counted: [], events: [] };
      assert.deepEqual(outcome, untouched, `from_network, ${length} bytes`);
    }
  }
});

rootTest('a packet for a pod from the network needs its transport header', (context) => {
  const datapath = testDatapath(context);
  for (const family of [4, 6] as const) {
    for (const [program, ifIndex, from] of [
      ['from_network', uplink, places.native],
      ['from_overlay', tunnelDevice, places.tunnelled],
    ] as const) {
      const packet = webToDb(
        family,
        { protocol: protocols.tcp, source: from[family] },
        segment.subarray(0, 19),
      );
      const received = joined(macBytes(hostMac), packet.subarray(6));
      const { outcome } = observe(datapath, program, received, { ifIndex });
      assert.deepEqual(outcome, { ...malformed, charged: ['db ingress'] });
    }
  }
});
