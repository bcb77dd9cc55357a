// The headers that from_pod puts around a packet for another node in overlay mode, field by field, and the cases that
// it leaves to the device.

import assert from 'node:assert/strict';
import { parseAddress } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { protocols } from '../../src/net/protocol.ts';
import { giveExit, type TestDatapath, testDatapath } from '../support/datapath.ts';
import {
  type AddressByFamily,
  hostSideMac,
  places,
  strangerIfIndex,
  tunnelPort,
  tunnelVni,
  uplink,
  web,
} from '../support/datapath-network.ts';
import { observe } from '../support/datapath-outcome.ts';
import { runIn } from '../support/namespaces.ts';
import { readOuter } from '../support/outer-headers.ts';
import {
  ethernet,
  etherTypes,
  extension,
  families,
  icmpEcho,
  icmpProtocol,
  icmpTooBig,
  ip,
  nextHeaders,
  tcp,
  tcpFlags,
  udp,
} from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';

const ports = { sourcePort: 40000, destinationPort: 53 };
const congestion = { notCapable: 0, capable1: 1, capable0: 2, congested: 3 } as const;

interface Inner {
  readonly what: string;
  readonly body: (family: 4 | 6) => { readonly protocol: number; readonly payload: Uint8Array };
  /** Of the IPv4 header. */
  readonly header?: object;
  readonly only?: 4 | 6;
}

const data = Uint8Array.from({ length: 1000 }, (_, index) => index);

const inners: readonly Inner[] = [
  {
    what: 'TCP',
    body: () => ({
      protocol: protocols.tcp,
      payload: tcp({ ...ports, flags: tcpFlags.ack }, data),
    }),
  },
  { what: 'UDP', body: () => ({ protocol: protocols.udp, payload: udp(ports, data) }) },
  { what: 'UDP without data', body: () => ({ protocol: protocols.udp, payload: udp(ports) }) },
  {
    what: 'UDP as long as the tunnel carries',
    body: (family) => ({
      protocol: protocols.udp,
      payload: udp(ports, new Uint8Array(1450 - 8 - (family === 4 ? 20 : 40))),
    }),
  },
  {
    what: 'an echo request',
    body: (family) => ({ protocol: icmpProtocol(family), payload: icmpEcho(family, { id: 7 }) }),
  },
  {
    what: 'an ICMP error',
    body: (family) => ({
      protocol: icmpProtocol(family),
      payload: icmpTooBig(family, datagramTo(family, web)),
    }),
  },
  {
    what: 'IPv4 options',
    only: 4,
    header: { options: new Uint8Array(40).fill(1) },
    body: () => ({ protocol: protocols.udp, payload: udp(ports, data) }),
  },
  {
    what: 'extension headers',
    only: 6,
    body: () => ({
      protocol: nextHeaders.destinationOptions,
      payload: extension(
        { kind: nextHeaders.destinationOptions, next: protocols.udp, length: 16 },
        udp(ports, data),
      ),
    }),
  },
];

/** The packet that an error about it quotes. */
function datagramTo(family: 4 | 6, pod: AddressByFamily): Uint8Array {
  const ends = { source: places.tunnelled[family], destination: pod[family] };
  return ip({ ...ends, protocol: protocols.udp }, udp(ports, data));
}

for (const { what, body, header, only } of inners) {
  for (const family of only === undefined ? families : [only]) {
    rootTest(`${what} over IPv${family} has the headers that the device would write`, (context) => {
      const datapath = testDatapath(context);
      giveExit(datapath);
      for (const [name, ecn] of Object.entries(congestion)) {
        const packet = withEcn(frame(family, places.tunnelled, body(family), header), ecn);
        assertOuter(send(datapath, packet), packet, { ecn, name });
      }
    });
  }
}

function assertOuter(
  sent: Uint8Array,
  packet: Uint8Array,
  { ecn, name }: { readonly ecn: number; readonly name: string },
): void {
  const { identification: _, sourcePort, ...outer } = readOuter(sent);
  const bytes = packet.length + 36;
  assert.ok(sourcePort >= 32768 && sourcePort <= 60999, `${name}: source port ${sourcePort}`);
  const expected = {
    headerBytes: 20,
    trafficClass: ecn === congestion.congested ? congestion.capable0 : ecn,
    ipBytes: bytes,
    fragmentation: 0,
    hopLimit: 64,
    protocol: protocols.udp,
    ipSum: 0xffff,
    source: places.node[4],
    destination: parseAddress('203.0.113.3'),
    destinationPort: tunnelPort,
    udpBytes: bytes - 20,
    udpChecksum: 0,
    vxlan: [0x0800_0000, tunnelVni << 8],
    inner: packet,
  };
  assert.deepEqual(outer, expected, name);
}

rootTest('a flow keeps its source port, and its packets are numbered consecutively', (context) => {
  const datapath = testDatapath(context);
  giveExit(datapath);
  const outer = [0, 1, 2, 3].map(() => readOuter(send(datapath, datagram(4, 40000))));
  const [first, ...later] = outer;
  assert.ok(first);
  assert.deepEqual(
    later.map(({ sourcePort }) => sourcePort),
    later.map(() => first.sourcePort),
  );
  assert.deepEqual(
    later.map(({ identification }) => (identification - first.identification) & 0xffff),
    [1, 2, 3],
  );
});

rootTest('flows are spread over source ports', (context) => {
  const datapath = testDatapath(context);
  giveExit(datapath);
  const found = Array.from({ length: 200 }, (_, index) => {
    return readOuter(send(datapath, datagram(4, 40000 + index))).sourcePort;
  });
  assert.ok(new Set(found).size > 180, `${new Set(found).size} ports for 200 flows`);
});

interface FallBack {
  readonly what: string;
  readonly to?: AddressByFamily;
  readonly gsoSize?: number;
  arrange?(datapath: TestDatapath): void;
}

const remote = '203.0.113.3';

const fallBacks: readonly FallBack[] = [
  {
    what: 'there is no uplink for it',
    arrange: ({ underlay }) =>
      underlay.set(0, { address: parseAddress('::'), ifindex: 0, port: 0 }),
  },
  {
    what: 'the way leaves by another interface',
    arrange: (datapath) => {
      inside(datapath, `link set peer${strangerIfIndex} up`);
      inside(datapath, `route add ${remote}/32 dev test${strangerIfIndex}`);
    },
  },
  {
    what: 'the node has no way there',
    arrange: (datapath) => inside(datapath, `route add unreachable ${remote}/32`),
  },
  {
    what: 'the way carries less than the uplink',
    arrange: (datapath) =>
      inside(datapath, `route add ${remote}/32 dev test${uplink} mtu lock 1000`),
  },
  {
    what: 'the next hop is an IPv6 address',
    arrange: (datapath) =>
      inside(datapath, `route add ${remote}/32 via inet6 fe80::1 dev test${uplink}`),
  },
  {
    what: 'the route has an encapsulation of its own',
    arrange: (datapath) =>
      inside(datapath, `route add ${remote}/32 encap ip id 3 dst 203.0.113.9 dev test${uplink}`),
  },
  {
    what: 'the node does not forward',
    arrange: ({ namespace }) => void runIn(namespace, 'sysctl', '-qw', 'net.ipv4.ip_forward=0'),
  },
  { what: 'the tunnel runs over IPv6', to: places.tunnelledOverIpv6 },
  // A test run's packet has no kind of segmentation that tunnels refuse.
  { what: 'the kernel cannot put such segments into a tunnel', gsoSize: 500 },
];

for (const { what, arrange, to = places.tunnelled, gsoSize } of fallBacks) {
  for (const family of families) {
    rootTest(`left unchanged to the device, IPv${family}: ${what}`, (context) => {
      const datapath = testDatapath(context);
      giveExit(datapath);
      arrange?.(datapath);
      const packet = frame(family, to, { protocol: protocols.udp, payload: udp(ports, data) });
      const options = { ifIndex: web.ifIndex, ...(gsoSize === undefined ? {} : { gsoSize }) };
      // By lookup, then by the flow's memory.
      for (const events of [['new'], []]) {
        const found = observe(datapath, 'from_pod', packet, options);
        assert.deepEqual(found.packet, packet);
        assert.deepEqual(found.outcome, {
          ...{ verdict: 'redirect', dropped: [], charged: [], counted: ['web egress'], events },
        });
      }
    });
  }
}

rootTest('a route through a router works, too', (context) => {
  const datapath = testDatapath(context);
  giveExit(datapath);
  inside(datapath, `route add ${remote}/32 via 203.0.113.254 dev test${uplink}`);
  assert.equal(readOuter(send(datapath, datagram(4, 40000))).destination, parseAddress(remote));
});

rootTest("a packet longer than the tunnel's MTU goes to the stack unchanged", (context) => {
  const datapath = testDatapath(context);
  giveExit(datapath);
  const long = frame(4, places.tunnelled, {
    ...{ protocol: protocols.udp, payload: udp(ports, new Uint8Array(1450 - 27)) },
  });
  const found = observe(datapath, 'from_pod', long, { ifIndex: web.ifIndex });
  assert.equal(found.outcome.verdict, 'pass');
  assert.deepEqual(found.packet, long);
});

/** Sent by web; returns the outgoing packet. */
function send(datapath: TestDatapath, packet: Uint8Array): Uint8Array {
  const found = observe(datapath, 'from_pod', packet, { ifIndex: web.ifIndex as IfIndex });
  assert.equal(found.outcome.verdict, 'redirect');
  assert.deepEqual(found.outcome.counted, ['web egress']);
  return found.packet;
}

function datagram(family: 4 | 6, sourcePort: number): Uint8Array {
  const payload = udp({ ...ports, sourcePort }, data);
  return frame(family, places.tunnelled, { protocol: protocols.udp, payload });
}

function frame(
  family: 4 | 6,
  to: AddressByFamily,
  { protocol, payload }: { readonly protocol: number; readonly payload: Uint8Array },
  header: object = {},
): Uint8Array {
  const type = family === 4 ? etherTypes.ipv4 : etherTypes.ipv6;
  return ethernet(
    { source: web.mac, destination: hostSideMac, type },
    ip({ source: web[family], destination: to[family], protocol, ...header }, payload),
  );
}

/** The last two bits of the traffic class, which in IPv6 lies across two bytes. */
function withEcn(packet: Uint8Array, ecn: number): Uint8Array {
  const isIpv4 = (packet[14] ?? 0) >> 4 === 4;
  return packet.map((byte, index) => (index === 15 ? (isIpv4 ? ecn : ecn << 4) : byte));
}

function inside({ namespace }: TestDatapath, command: string): void {
  runIn(namespace, 'ip', ...command.split(' '));
}
