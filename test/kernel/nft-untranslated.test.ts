// NAT translates connections. Packets of no connection must not leave with a pod's address: by nftables alone, without
// BPF programs. Three namespaces: a node, a pod behind it, and the network outside.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { NftDrops } from '../../src/datapath/nft/drops.ts';
import { nftContents } from '../../src/datapath/nft/rules.ts';
import { nftTable } from '../../src/datapath/nft/table.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { nftCounters } from '../../src/kernel/netfilter/nft-counters.ts';
import { Nftables } from '../../src/kernel/netfilter/nftables.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import type { DesiredState } from '../../src/model/desired.ts';
import { addressBytes, parseAddress } from '../../src/net/address.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { protocols } from '../../src/net/protocol.ts';
import { Capture } from '../support/capture.ts';
import { endpointCollection } from '../support/compute-desired.ts';
import { entriesOf } from '../support/entries-of.ts';
import { frame, portOf, sendFrames } from '../support/forged-frames.ts';
import { placeOf, runIn, testNamespace } from '../support/namespaces.ts';
import { icmpError, icmpProtocol, ip, sctp, tcp, tcpFlags, udp } from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';
import { applyEntries } from '../support/table-contract.ts';

const prefixes = (...texts: string[]) => texts.map((text) => parsePrefix(text));
const desired = {
  endpoints: endpointCollection([]),
  podRanges: [],
  podSources: [],
  masquerade: {
    sources: prefixes('192.0.2.0/24', '2001:db8:1::/64'),
    exempt: prefixes('192.0.2.0/24', '2001:db8:1::/64', '203.0.113.77/32', '2001:db8:9::77/128'),
    nodeSources: [],
  },
} as unknown as DesiredState;

interface Family {
  readonly version: 4 | 6;
  readonly pod: string;
  readonly world: string;
  readonly exempt: string;
}

const families: readonly Family[] = [
  { version: 4, pod: '192.0.2.2', world: '203.0.113.9', exempt: '203.0.113.77' },
  { version: 6, pod: '2001:db8:1::2', world: '2001:db8:9::9', exempt: '2001:db8:9::77' },
];

interface Place {
  readonly node: NetworkNamespace;
  readonly pod: NetworkNamespace;
  readonly outside: NetworkNamespace;
}

function build(context: TestContext): Place {
  const [node, pod, outside] = [1, 2, 3].map(() => testNamespace(context));
  assert(node !== undefined && pod !== undefined && outside !== undefined);
  const own = `/proc/${process.pid}/fd/`;
  for (const [namespace, ...commands] of [
    [
      node,
      `link add hd00000000001 type veth peer name eth0 netns ${own}${pod.fd}`,
      `link add up0 type veth peer name net0 netns ${own}${outside.fd}`,
      'link set hd00000000001 up',
      'link set up0 up',
      'address add 198.51.100.1/24 dev up0',
      'address add 2001:db8:ffff::1/64 dev up0 nodad',
      'address add 192.0.2.1/24 dev hd00000000001',
      'address add 2001:db8:1::1/64 dev hd00000000001 nodad',
    ],
    [pod, 'link set eth0 up'],
    [outside, 'link set net0 up'],
  ] as const) {
    for (const command of commands) runIn(namespace, 'ip', ...command.split(' '));
  }
  const mac = portOf(placeOf(outside), 'net0').mac;
  for (const { version, world, exempt } of families) {
    for (const address of [world, exempt]) {
      runIn(node, 'ip', `-${version}`, 'route', 'add', address, 'dev', 'up0');
      runIn(node, 'ip', 'neigh', 'add', address, 'lladdr', mac, 'dev', 'up0');
    }
  }
  runIn(node, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  return { node, pod, outside };
}

const ports = { sourcePort: 4000, destinationPort: 53 };
const { fin, syn, rst, ack } = tcpFlags;
const untranslated = 'cannot be translated';
const stray = 'segment outside its connection';

type Content = readonly [number, Uint8Array];

function contents({ version, pod, world }: Family): readonly (readonly [string, Content])[] {
  const icmp = icmpProtocol(version);
  const [source, destination] = [parseAddress(world), parseAddress(pod)];
  const quoted = ip({ source, destination, protocol: protocols.udp }, udp(ports));
  const flagged = [rst, rst | ack, 0, fin, fin | ack, syn | ack, syn | fin];
  return [
    ...flagged.map((flags): [string, Content] => [
      `TCP with flags ${flags}${(flags & rst) === 0 ? '' : ' (RST)'}`,
      [protocols.tcp, tcp({ ...ports, flags })],
    ]),
    ...(version === 4 ? [0, 3, 9, 11, 14] : [1, 2, 100, 129, 130, 143, 200]).map(
      (type): [string, Content] => [`ICMP ${type}`, [icmp, icmpError(type, quoted)]],
    ),
    ['SCTP without a chunk', [protocols.sctp, sctp(ports)]],
  ];
}

rootTest("packets that cannot be translated do not leave with a pod's address", (context) => {
  const place = build(context);
  using nft = Nftables.open(place.node);
  using socket = NetlinkSocket.open({ namespace: place.node, family: 'netfilter' });
  const drops = new NftDrops(nft, () => nftCounters(socket, 'heddle'));
  applyEntries(nftTable(drops), entriesOf(nftContents(), desired));
  // Each kind stands for itself, whatever its checksum.
  runIn(place.node, 'sysctl', '-qw', 'net.netfilter.nf_conntrack_checksum=0');
  using capture = Capture.start(placeOf(place.outside));
  const destinationMac = portOf(placeOf(place.node), 'hd00000000001').mac;
  const expected = { [untranslated]: 0, [stray]: 0 };
  const counts = () => ({
    [untranslated]: 0,
    [stray]: 0,
    ...Object.fromEntries(drops.byReason().map(({ reason, packets }) => [reason, packets])),
  });
  for (const family of families) {
    const source = Buffer.from(addressBytes(parseAddress(family.pod)));
    const arrives = (destination: string, content: Content): readonly boolean[] => {
      capture.frames();
      const ends = { source: family.pod, destination, destinationMac };
      sendFrames(portOf(placeOf(place.pod)), [frame(ends, content)]);
      return capture.frames().flatMap((bytes) => {
        const packet = Buffer.from(bytes.subarray(14));
        const isToHere = packet.includes(Buffer.from(addressBytes(parseAddress(destination))));
        return isToHere ? [packet.includes(source)] : [];
      });
    };
    for (const [what, content] of contents(family)) {
      // A reset to a destination where nothing is translated ends nothing that it should not.
      const isStray = what.startsWith('TCP') && !what.endsWith('(RST)');
      assert.deepEqual(arrives(family.world, content), [], `IPv${family.version}: ${what}`);
      expected[isStray ? stray : untranslated]++;
      assert.deepEqual(counts(), expected, what);
      assert.deepEqual(arrives(family.exempt, content), isStray ? [] : [true], `exempt: ${what}`);
      if (isStray) expected[stray]++;
    }
    assert.deepEqual(arrives(family.world, [protocols.udp, udp(ports)]), [false], 'UDP');
  }
});

rootTest('nor do packets with a wrong checksum, or excluded from tracking', (context) => {
  const { node, pod, outside } = build(context);
  using nft = Nftables.open(node);
  applyEntries(nftTable(nft), entriesOf(nftContents(), desired));
  using capture = Capture.start(placeOf(outside));
  const destinationMac = portOf(placeOf(node), 'hd00000000001').mac;
  const send = (content: Content): number => {
    capture.frames();
    const destination = '203.0.113.9';
    sendFrames(portOf(placeOf(pod)), [
      frame({ source: '192.0.2.2', destination, destinationMac }, content),
    ]);
    // The interfaces have just come up, and speak for themselves.
    const bytes = Buffer.from(addressBytes(parseAddress(destination)).subarray(-4));
    return capture.frames().filter((found) => Buffer.from(found).includes(bytes)).length;
  };
  assert.equal(send([protocols.tcp, tcp({ ...ports, flags: syn })]), 0, 'a checksum of 0');
  assert.equal(send([protocols.udp, udp(ports)]), 1, 'UDP without a checksum');
  runIn(
    node,
    'nft',
    'table ip other { chain in { type filter hook prerouting priority -300; notrack; }; }',
  );
  assert.equal(send([protocols.udp, udp(ports)]), 0, 'not tracked');
});
