// The destination of every packet in each program, and that every passed or dropped packet is counted. Each row runs
// for both families.

import assert from 'node:assert/strict';
import type { ProgramName } from '../../src/datapath/generated.ts';
import { addressFamily } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import type { Mac } from '../../src/net/mac.ts';
import { parseMac } from '../../src/net/mac.ts';
import { protocols } from '../../src/net/protocol.ts';
import { testDatapath } from '../support/datapath.ts';
import {
  type AddressByFamily,
  db,
  hostMac,
  hostSideMac,
  places,
  strangerIfIndex,
  tunnelDevice,
  uplink,
  web,
} from '../support/datapath-network.ts';
import { type Outcome, observe } from '../support/datapath-outcome.ts';
import { ethernet, etherTypes, ip, joined, udp } from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';

const anotherMac = parseMac('02:00:5e:10:00:66');

interface Row {
  readonly what: string;
  readonly program: ProgramName;
  readonly ifIndex: IfIndex;
  readonly from: AddressByFamily;
  readonly to: AddressByFamily;
  readonly sourceMac?: Mac;
  readonly destinationMac?: Mac;
  /** Bytes of UDP payload (default 8). */
  readonly payload?: number;
  readonly gsoSize?: number;
  readonly verdict: string;
  readonly counted?: readonly string[];
  readonly dropped?: string;
  readonly charged?: readonly string[];
  readonly events?: readonly string[];
}

const fromWeb = { program: 'from_pod', ifIndex: web.ifIndex, from: web } as const;
const passed = { verdict: 'redirect', counted: ['web egress'], events: ['new'] } as const;
const upTheStack = { ...passed, verdict: 'pass' } as const;
const dropped = { verdict: 'drop', events: ['drop'] } as const;
const refusedWeb = { ...dropped, charged: ['web egress'] } as const;

const rows: readonly Row[] = [
  {
    what: 'a pod to a pod of the same node takes the direct path',
    ...fromWeb,
    to: db,
    ...passed,
    counted: ['web egress', 'db ingress'],
  },
  { what: 'a pod to its node takes the stack', ...fromWeb, to: places.node, ...upTheStack },
  { what: 'a pod to the world takes the stack', ...fromWeb, to: places.world, ...upTheStack },
  { what: 'a pod to a neighbouring node is routed', ...fromWeb, to: places.native, ...passed },
  { what: 'a pod to a node behind a tunnel', ...fromWeb, to: places.tunnelled, ...passed },
  {
    what: 'a pod to a node behind a tunnel over IPv6',
    ...fromWeb,
    to: places.tunnelledOverIpv6,
    ...passed,
  },
  {
    what: 'a packet too long for the next link takes the stack, which reports it',
    ...fromWeb,
    to: places.native,
    payload: 1480,
    ...upTheStack,
  },
  {
    what: 'one that fits a native link but not the tunnel',
    ...fromWeb,
    to: places.tunnelled,
    payload: 1424,
    ...upTheStack,
  },
  {
    what: 'a long packet whose segments fit keeps its path',
    ...fromWeb,
    to: places.tunnelled,
    payload: 3000,
    gsoSize: 1400,
    ...passed,
  },
  {
    what: 'a long packet whose segments do not fit takes the stack',
    ...fromWeb,
    to: places.tunnelled,
    payload: 3000,
    gsoSize: 1424,
    ...upTheStack,
  },
  {
    what: 'a local address that no pod has is counted as a drop, and the stack refuses it',
    ...fromWeb,
    to: places.nobody,
    ...refusedWeb,
    verdict: 'pass',
    dropped: 'no endpoint',
  },
  {
    what: 'a pod with the MAC of another is stopped',
    ...fromWeb,
    to: db,
    sourceMac: anotherMac,
    ...refusedWeb,
    dropped: 'spoofed mac',
  },
  {
    what: 'a pod with the address of another is stopped',
    ...fromWeb,
    from: db,
    to: places.world,
    ...refusedWeb,
    dropped: 'spoofed address',
  },
  {
    what: 'a pod with an address of the world is stopped',
    ...fromWeb,
    from: places.world,
    to: db,
    ...refusedWeb,
    dropped: 'spoofed address',
  },
  {
    what: 'an interface without an endpoint sends nothing',
    program: 'from_pod',
    ifIndex: strangerIfIndex,
    from: web,
    to: db,
    sourceMac: web.mac,
    ...dropped,
    dropped: 'unknown endpoint',
  },
  {
    what: 'what the stack has for a pod passes',
    program: 'to_pod',
    ifIndex: db.ifIndex,
    from: places.world,
    to: db,
    verdict: 'pass',
    counted: ['db ingress'],
    events: ['new'],
  },
  {
    what: 'what the stack has for an interface without an endpoint is stopped',
    program: 'to_pod',
    ifIndex: strangerIfIndex,
    from: places.world,
    to: db,
    ...dropped,
    dropped: 'unknown endpoint',
  },
  {
    what: 'a pod of a neighbouring node to a local pod takes the direct path',
    program: 'from_network',
    ifIndex: uplink,
    from: places.native,
    to: db,
    verdict: 'redirect',
    counted: ['db ingress'],
    events: ['new'],
  },
  ...(['otherNode', 'world'] as const).map(
    (name): Row => ({
      what: `${name} to a pod takes the stack, where conntrack sees both directions`,
      program: 'from_network',
      ifIndex: uplink,
      from: places[name],
      to: db,
      verdict: 'next',
    }),
  ),
  ...(['node', 'nobody', 'native', 'world'] as const).map(
    (name): Row => ({
      what: `the network to ${name} is not ours`,
      program: 'from_network',
      ifIndex: uplink,
      from: places.native,
      to: places[name],
      verdict: 'next',
    }),
  ),
  {
    what: 'a frame for another host on the uplink is ignored, whatever its address',
    program: 'from_network',
    ifIndex: uplink,
    from: places.native,
    to: db,
    destinationMac: anotherMac,
    verdict: 'next',
  },
  {
    what: 'the tunnel to a pod takes the direct path',
    program: 'from_overlay',
    ifIndex: tunnelDevice,
    from: places.tunnelled,
    to: db,
    destinationMac: anotherMac,
    verdict: 'redirect',
    counted: ['db ingress'],
    events: ['new'],
  },
  {
    what: 'the tunnel to this node takes the stack',
    program: 'from_overlay',
    ifIndex: tunnelDevice,
    from: places.tunnelled,
    to: places.node,
    destinationMac: anotherMac,
    verdict: 'next',
  },
  {
    what: 'the tunnel to a local address that no pod has: counted, and the stack refuses it',
    program: 'from_overlay',
    ifIndex: tunnelDevice,
    from: places.tunnelled,
    to: places.nobody,
    ...dropped,
    verdict: 'next',
    dropped: 'no endpoint',
  },
  ...(['native', 'tunnelledOverIpv6', 'world'] as const).map(
    (name): Row => ({
      what: `the tunnel to ${name} is astray`,
      program: 'from_overlay',
      ifIndex: tunnelDevice,
      from: places.tunnelled,
      to: places[name],
      ...dropped,
      dropped: 'no tunnel',
    }),
  ),
  ...(['tunnelled', 'tunnelledOverIpv6'] as const).map(
    (name): Row => ({
      what: `the node to ${name} finds its tunnel`,
      program: 'to_overlay',
      ifIndex: tunnelDevice,
      from: places.node,
      to: places[name],
      verdict: 'next',
    }),
  ),
  ...(['native', 'nobody', 'world'] as const).map(
    (name): Row => ({
      what: `the node to ${name} has no tunnel`,
      program: 'to_overlay',
      ifIndex: tunnelDevice,
      from: places.node,
      to: places[name],
      ...dropped,
      dropped: 'no tunnel',
    }),
  ),
];

function packetOf(row: Row, family: 4 | 6): Uint8Array {
  const toPod = row.program === 'from_pod' ? hostSideMac : hostMac;
  const header = { source: row.from[family], destination: row.to[family], protocol: protocols.udp };
  const datagram = udp(
    { sourcePort: 40000, destinationPort: 53 },
    new Uint8Array(row.payload ?? 8),
  );
  const fromPod = row.program === 'from_pod' ? web.mac : anotherMac;
  return ethernet(
    {
      source: row.sourceMac ?? fromPod,
      destination: row.destinationMac ?? toPod,
      type: addressFamily(header.source) === 4 ? etherTypes.ipv4 : etherTypes.ipv6,
    },
    ip(header, datagram),
  );
}

function expected(row: Row): Outcome {
  return {
    verdict: row.verdict,
    dropped: row.dropped === undefined ? [] : [row.dropped],
    charged: row.charged ?? [],
    counted: row.counted ?? [],
    events: row.events ?? [],
  };
}

rootTest('each program sends each kind of packet to its destination', async (context) => {
  const datapath = testDatapath(context);
  for (const row of rows) {
    for (const family of [4, 6] as const) {
      await context.test(`${row.what} (IPv${family})`, () => {
        clearFlows(datapath);
        const packet = packetOf(row, family);
        const { ifIndex, gsoSize } = row;
        const options = { ifIndex, ...(gsoSize === undefined ? {} : { gsoSize }) };
        const { outcome } = observe(datapath, row.program, packet, options);
        assert.deepEqual(outcome, expected(row));
      });
    }
  }
});

function clearFlows(datapath: ReturnType<typeof testDatapath>): void {
  datapath.flows.deleteBatch([...datapath.flows.entries()].map(([key]) => key));
}

const arp = ethernet(
  { source: web.mac, destination: parseMac('ff:ff:ff:ff:ff:ff'), type: etherTypes.arp },
  new Uint8Array(28),
);
const tagged = ethernet(
  { source: web.mac, destination: hostSideMac, type: etherTypes.vlan },
  joined([0, 7, 0x08, 0x00], new Uint8Array(28)),
);

const notIp: readonly (readonly [ProgramName, IfIndex, Partial<Outcome>])[] = [
  ['from_pod', web.ifIndex, { verdict: 'drop', dropped: ['not ip'], charged: ['web egress'] }],
  ['to_pod', web.ifIndex, { verdict: 'drop', dropped: ['not ip'], charged: ['web ingress'] }],
  ['from_network', uplink, { verdict: 'next' }],
  ['from_overlay', tunnelDevice, { verdict: 'drop', dropped: ['not ip'] }],
  ['to_overlay', tunnelDevice, { verdict: 'drop', dropped: ['not ip'] }],
];

rootTest('non-IP packets pass on uplinks, are dropped at pods, and emit no event', (context) => {
  const datapath = testDatapath(context);
  const nothing = { dropped: [], charged: [], counted: [], events: [] };
  for (const [program, ifIndex, outcome] of notIp) {
    for (const packet of [arp, tagged]) {
      const found = observe(datapath, program, packet, { ifIndex }).outcome;
      assert.deepEqual(found, { ...nothing, ...outcome }, program);
    }
  }
});

rootTest('packets that stay on their link are counted as such and emit no events', (context) => {
  const datapath = testDatapath(context);
  const cases = [
    ['::', 'ff02::16'],
    ['fe80::10', 'ff02::2'],
    ['2001:db8:1::10', 'ff0e::1'],
    ['fe80::10', 'fe80::1'],
    ['0.0.0.0', '255.255.255.255'],
    ['192.0.2.10', '224.0.0.22'],
    ['192.0.2.10', '239.255.255.250'],
  ] as const;
  for (const [source, destination] of cases) {
    // From the tunnel, only packets with an owner get as far as this.
    const tunnelled = places.tunnelled[destination.includes(':') ? 6 : 4];
    const row = {
      ...fromWeb,
      from: { 4: source, 6: source } as unknown as AddressByFamily,
      to: { 4: destination, 6: destination } as unknown as AddressByFamily,
    };
    const packetFrom = (from: AddressByFamily): Uint8Array =>
      packetOf({ what: '', verdict: '', ...row, from }, 4);
    for (const [program, charged] of [
      ['from_pod', ['web egress']],
      ['to_pod', ['web ingress']],
      ['to_overlay', []],
      ['from_overlay', []],
    ] as const) {
      const owned = { 4: tunnelled, 6: tunnelled };
      const packet = packetFrom(program === 'from_overlay' ? owned : row.from);
      const found = observe(datapath, program, packet, { ifIndex: web.ifIndex }).outcome;
      const link = { verdict: 'drop', dropped: ['link local'], charged, counted: [], events: [] };
      assert.deepEqual(found, link, `${program} ${source} > ${destination}`);
    }
  }
});

rootTest('tunnel packets of the node carry a MAC that no VXLAN device has', (context) => {
  const datapath = testDatapath(context);
  for (const family of [4, 6] as const) {
    const sent = packetOf(
      {
        what: '',
        verdict: '',
        program: 'to_overlay',
        ifIndex: tunnelDevice,
        from: places.node,
        to: places.tunnelled,
        sourceMac: hostSideMac,
      },
      family,
    );
    const { packet } = observe(datapath, 'to_overlay', sent, { ifIndex: tunnelDevice });
    assert.deepEqual([...packet.subarray(6, 12)], [0x02, 0x68, 0x65, 0x64, 0x64, 0x6e]);
    assert.deepEqual(packet.subarray(12), sent.subarray(12), 'and changes nothing else');
    assert.deepEqual(packet.subarray(0, 6), sent.subarray(0, 6));
  }
});
