// The tunnel's port by nftables alone, without BPF programs: the senders that are allowed, and the packets that are not
// tracked. Three namespaces: a node, a pod behind `hd...`, and the network with other nodes and hosts.

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
import { parseAddress } from '../../src/net/address.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { endpointCollection } from '../support/compute-desired.ts';
import { entriesOf } from '../support/entries-of.ts';
import { frame, portOf, sendFrames, vxlan } from '../support/forged-frames.ts';
import { runIn, testNamespace } from '../support/namespaces.ts';
import { onesComplementSum } from '../support/outer-headers.ts';
import { icmpEcho, icmpTooBig, tcp, udp } from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';
import { applyEntries } from '../support/table-contract.ts';

const addresses = (...texts: string[]) => texts.map((text) => parseAddress(text));
const prefixes = (...texts: string[]) => texts.map((text) => parsePrefix(text));
const desired = {
  endpoints: endpointCollection([]),
  tunnelEnds: {
    port: 4789,
    own: addresses('198.51.100.1', '2001:db8:ffff::1'),
    peers: addresses('198.51.100.2', '2001:db8:ffff::2'),
    uplinks: ['up0'],
  },
  podRanges: [],
  podSources: [],
  masquerade: {
    sources: prefixes('192.0.2.0/24', '2001:db8:1::/64'),
    exempt: prefixes('192.0.2.0/24', '2001:db8:1::/64'),
    nodeSources: [{ address: parseAddress('198.51.100.1'), interfaces: ['up0'] }],
  },
} as unknown as DesiredState;

interface Place {
  readonly node: NetworkNamespace;
  readonly pod: NetworkNamespace;
  readonly outside: NetworkNamespace;
}

function build(context: TestContext): Place {
  const [node, pod, outside] = [1, 2, 3].map(() => testNamespace(context));
  assert(node !== undefined && pod !== undefined && outside !== undefined);
  const own = `/proc/${process.pid}/fd/`;
  ip(
    node,
    `link add hd00000000001 type veth peer name eth0 netns ${own}${pod.fd}`,
    `link add up0 type veth peer name net0 netns ${own}${outside.fd}`,
    'link set lo up',
    'link set hd00000000001 up',
    'link set up0 up',
    'address add 198.51.100.1/24 dev up0',
    'address add 198.51.100.9/24 dev up0',
    'address add 2001:db8:ffff::1/64 dev up0 nodad',
    'address add 192.0.2.1/24 dev hd00000000001',
    'address add 2001:db8:1::1/64 dev hd00000000001 nodad',
  );
  runIn(node, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  ip(
    pod,
    'link set eth0 up',
    'address add 192.0.2.2/24 dev eth0',
    'address add 2001:db8:1::2/64 dev eth0 nodad',
    'route add default via 192.0.2.1',
    'route add default via 2001:db8:1::1',
  );
  ip(
    outside,
    'link set lo up',
    'link set net0 up',
    ...['198.51.100.2/24', '198.51.100.3/24', '203.0.113.9/32'].map(
      (address) => `address add ${address} dev net0`,
    ),
    ...['2001:db8:ffff::2/64', '2001:db8:ffff::3/64', '2001:db8:9::9/128'].map(
      (address) => `address add ${address} dev net0 nodad`,
    ),
  );
  ip(node, 'route add default via 198.51.100.2', 'route add default via 2001:db8:ffff::2');
  return { node, pod, outside };
}

function ip(namespace: NetworkNamespace, ...commands: string[]): void {
  for (const command of commands) {
    const family = command.includes('::') ? ['-6'] : [];
    runIn(namespace, 'ip', ...family, ...command.split(' '));
  }
}

/** What comes in to a process, or (of the outside) whatever arrives, to UDP 4789; and how much of it was tracked. */
function probe(namespace: NetworkNamespace, tracking = ''): void {
  runIn(
    namespace,
    'nft',
    `table inet probe {
       counter untracked { }
       counter every { }
       counter masqueraded { }
       chain in {
         type filter hook input priority 300
         ${tracking}
         udp dport 4789 ip saddr 198.51.100.1 counter name masqueraded
         udp dport 4789 counter name every
       }
     }`,
  );
}

function count(namespace: NetworkNamespace, name: string): number {
  const listing = runIn(namespace, 'nft', 'reset', 'counter', 'inet', 'probe', name);
  return Number(/packets (\d+)/.exec(listing)?.[1]);
}

interface Datagram {
  readonly to: string;
  /** Absent: the tunnel's. */
  readonly port?: number;
  /** The source address; default: the kernel's choice. */
  readonly from?: string;
  readonly fromPort?: number;
  readonly bytes?: number;
}

function send(
  namespace: NetworkNamespace,
  { to, port = 4789, from, fromPort = 0, bytes = 100 }: Datagram,
): void {
  const family = to.includes(':') ? 6 : 4;
  const script = `
    const socket = require('node:dgram').createSocket('udp${family}');
    socket.bind(${fromPort}, ${JSON.stringify(from)}, () => {
      socket.setBroadcast(true);
      socket.send(Buffer.alloc(${bytes}), ${port}, '${to}', () => socket.close());
    });`;
  runIn(namespace, process.execPath, '-e', script);
}

/** Gives what leaves by source port 1003 the priority that `to_overlay` gives the VXLAN device's packets. */
function sealPackets(namespace: NetworkNamespace): void {
  runIn(
    namespace,
    'nft',
    `table inet seal {
       counter left { }
       chain seals { type filter hook output priority -500;
         udp sport ${devicePort} meta priority set 6865:6464
       }
       chain leaves { type filter hook output priority 310;
         meta priority 6865:6464 counter name left
       }
     }`,
  );
}

const devicePort = 1003;

const node4 = '198.51.100.1';
const node6 = '2001:db8:ffff::1';

const arrivals: readonly {
  readonly what: string;
  readonly who: 'pod' | 'outside';
  readonly to: string;
  readonly from?: string;
  readonly bytes?: number;
  readonly arrives: boolean;
}[] = [
  { what: 'another node', who: 'outside', from: '198.51.100.2', to: node4, arrives: true },
  {
    what: 'another node, IPv6',
    who: 'outside',
    from: '2001:db8:ffff::2',
    to: node6,
    arrives: true,
  },
  {
    what: 'another node, in fragments',
    who: 'outside',
    from: '198.51.100.2',
    to: node4,
    bytes: 3000,
    arrives: true,
  },
  {
    what: 'another node to an address that is not an InternalIP',
    who: 'outside',
    from: '198.51.100.2',
    to: '198.51.100.9',
    arrives: false,
  },
  {
    what: 'another node to everybody',
    who: 'outside',
    from: '198.51.100.2',
    to: '198.51.100.255',
    arrives: false,
  },
  { what: 'a host outside', who: 'outside', from: '198.51.100.3', to: node4, arrives: false },
  {
    what: 'a host outside, in fragments',
    who: 'outside',
    from: '198.51.100.3',
    to: node4,
    bytes: 3000,
    arrives: false,
  },
  {
    what: 'a host outside, IPv6',
    who: 'outside',
    from: '2001:db8:ffff::3',
    to: node6,
    arrives: false,
  },
  {
    what: 'a host outside, IPv6, in fragments',
    who: 'outside',
    from: '2001:db8:ffff::3',
    to: node6,
    bytes: 3000,
    arrives: false,
  },
  {
    what: 'a host outside to everybody',
    who: 'outside',
    from: '198.51.100.3',
    to: '255.255.255.255',
    arrives: false,
  },
  {
    what: 'a host outside to all hosts of the link',
    who: 'outside',
    from: '198.51.100.3',
    to: '224.0.0.1',
    arrives: false,
  },
  { what: 'a pod', who: 'pod', to: node4, arrives: false },
  { what: 'a pod, in fragments', who: 'pod', to: node4, bytes: 3000, arrives: false },
  { what: 'a pod, IPv6', who: 'pod', to: node6, arrives: false },
  { what: 'a pod, IPv6, in fragments', who: 'pod', to: node6, bytes: 3000, arrives: false },
  { what: 'a pod to the address of its router', who: 'pod', to: '192.0.2.1', arrives: false },
];

rootTest('the tunnel port accepts only packets of other nodes, and counts the rest', (context) => {
  const place = build(context);
  using nft = Nftables.open(place.node);
  using socket = NetlinkSocket.open({ namespace: place.node, family: 'netfilter' });
  const drops = new NftDrops(nft, () => nftCounters(socket, 'heddle'));
  const table = nftTable(drops);
  // Only packets that other hosts of the network could send anyway: the pod's kernel must accept the input.
  ip(place.outside, 'route add 192.0.2.0/24 via 198.51.100.1');
  probe(place.node);
  // Without masquerading, fragments are not reassembled before the rules see them.
  const untracked = { ...desired, masquerade: undefined };
  const withServices = { hostPortAddresses: prefixes('198.51.100.1/32') };
  for (const given of [
    desired,
    untracked,
    { ...desired, ...withServices },
    { ...untracked, ...withServices },
  ]) {
    applyEntries(table, entriesOf(nftContents(), given));
    for (const { what, who, arrives, ...datagram } of arrivals) {
      const before = dropped(drops);
      send(place[who], datagram);
      assert.equal(count(place.node, 'every'), arrives ? 1 : 0, what);
      // The first fragment is dropped; the others wait for it in vain.
      assert.equal(dropped(drops) - before, arrives ? 0 : 1, what);
    }
  }
});

rootTest(
  "only packets between nodes are untracked; a pod's to an outside host are masqueraded",
  (context) => {
    const { node, pod, outside } = build(context);
    using nft = Nftables.open(node);
    const table = nftTable(nft);
    applyEntries(table, entriesOf(nftContents(), desired));
    probe(node, 'udp dport 4789 ct state untracked counter name untracked');
    probe(outside);
    ip(outside, 'route add 192.0.2.0/24 via 198.51.100.1');
    send(outside, { from: '198.51.100.2', to: node4 });
    assert.equal(count(node, 'untracked'), 1, 'from another node');
    for (const to of ['203.0.113.9', '198.51.100.3']) {
      send(pod, { to });
      assert.deepEqual([count(outside, 'every'), count(outside, 'masqueraded')], [1, 1], to);
    }
    send(pod, { to: '2001:db8:9::9' });
    assert.equal(count(outside, 'every'), 1, 'IPv6');
    const sources = runIn(node, 'conntrack', '-L', '-f', 'ipv6', '-p', 'udp');
    assert.match(sources, /src=2001:db8:1::2 dst=2001:db8:9::9 .*dst=2001:db8:ffff::1 /);
    for (const to of ['198.51.100.2', '2001:db8:ffff::2']) {
      send(pod, { to });
      assert.equal(count(outside, 'every'), 0, `a pod to another node's tunnel, ${to}`);
    }
    send(node, { from: node4, to: '198.51.100.3' });
    const ofNode = runIn(node, 'conntrack', '-L', '-p', 'udp', '-s', node4);
    assert.match(ofNode, /dst=198.51.100.3 /, 'a process of the node');
    sealPackets(node);
    send(node, { from: node4, fromPort: devicePort, to: '198.51.100.2' });
    assert.equal(count(outside, 'every'), 2, 'both');
    assert.doesNotMatch(
      runIn(node, 'conntrack', '-L', '-p', 'udp', '-s', node4),
      /dst=198.51.100.2 /,
    );
  },
);

rootTest("only the node's VXLAN device sends to another node's tunnel", (context) => {
  const { node, outside } = build(context);
  using nft = Nftables.open(node);
  using socket = NetlinkSocket.open({ namespace: node, family: 'netfilter' });
  const drops = new NftDrops(nft, () => nftCounters(socket, 'heddle'));
  const table = nftTable(drops);
  sealPackets(node);
  probe(outside);
  runIn(
    node,
    'nft',
    `table inet services {
       chain output { type nat hook output priority -100;
         ip daddr 203.0.113.77 udp dport 53 dnat ip to 198.51.100.2:4789;
         ip6 daddr 2001:db8:77::77 udp dport 53 dnat ip6 to [2001:db8:ffff::2]:4789; }
     }`,
  );
  const sends = ([4, 6] as const).flatMap((family) => {
    const peer = family === 4 ? '198.51.100.2' : '2001:db8:ffff::2';
    const service = family === 4 ? '203.0.113.77' : '2001:db8:77::77';
    return [
      { what: 'a process', datagram: { to: peer }, arrives: false },
      { what: 'a process, in fragments', datagram: { to: peer, bytes: 3000 }, arrives: false },
      { what: 'by a Service', datagram: { to: service, port: 53 }, arrives: false },
      { what: 'the device', datagram: { to: peer, fromPort: devicePort }, arrives: true },
      {
        what: 'the device, in fragments',
        datagram: { to: peer, fromPort: devicePort, bytes: 3000 },
        arrives: true,
      },
    ];
  });
  for (const ours of [undefined, desired, { ...desired, masquerade: undefined }]) {
    if (ours !== undefined) applyEntries(table, entriesOf(nftContents(), ours));
    for (const { what, datagram, arrives } of sends) {
      const before = dropped(drops);
      send(node, datagram);
      const passes = arrives || ours === undefined;
      const found = [count(outside, 'every'), dropped(drops) - before];
      assert.deepEqual(found, passes ? [1, 0] : [0, 1], `${what} to ${datagram.to}`);
    }
    const left = runIn(node, 'nft', 'reset', 'counter', 'inet', 'seal', 'left');
    assert.equal(/packets 0/.test(left), ours !== undefined, 'the priority is cleared');
  }
});

rootTest("no packet that the node forwards for others reaches another node's tunnel", (context) => {
  const { node, outside } = build(context);
  const container = testNamespace(context);
  ip(
    node,
    `link add docker0 type veth peer name eth0 netns /proc/${process.pid}/fd/${container.fd}`,
    'link set docker0 up',
    'address add 172.17.0.1/24 dev docker0',
    'address add 2001:db8:17::1/64 dev docker0 nodad',
    'address add 198.51.100.9/32 dev lo',
  );
  ip(
    container,
    'link set eth0 up',
    'address add 172.17.0.2/24 dev eth0',
    'address add 2001:db8:17::2/64 dev eth0 nodad',
    'route add default via 172.17.0.1',
    'route add default via 2001:db8:17::1',
  );
  runIn(
    node,
    'nft',
    `table inet others {
       chain to { type nat hook prerouting priority -100;
         ip daddr 198.51.100.9 udp dport 4789 dnat ip to 198.51.100.1:4789; }
       chain from { type nat hook postrouting priority 100;
         iifname "docker0" masquerade; }
     }`,
  );
  using nft = Nftables.open(node);
  using socket = NetlinkSocket.open({ namespace: node, family: 'netfilter' });
  const drops = new NftDrops(nft, () => nftCounters(socket, 'heddle'));
  const table = nftTable(drops);
  probe(outside);
  probe(node);
  // Only with foreign rules, for comparison.
  for (const to of ['198.51.100.2', '2001:db8:ffff::2']) {
    send(container, { to });
    assert.equal(count(outside, 'every'), 1, `as this node to ${to}`);
  }
  for (const given of [desired, { ...desired, masquerade: undefined }]) {
    applyEntries(table, entriesOf(nftContents(), given));
    for (const to of ['198.51.100.2', '2001:db8:ffff::2']) {
      const before = dropped(drops);
      send(container, { to });
      assert.deepEqual([count(outside, 'every'), dropped(drops) - before], [0, 1], to);
    }
    send(container, { to: '198.51.100.3' });
    assert.equal(count(outside, 'every'), 1, 'a host that is no node');
    const before = dropped(drops);
    send(outside, { from: '198.51.100.2', to: '198.51.100.9' });
    assert.deepEqual(
      [count(node, 'every'), dropped(drops) - before],
      [0, 1],
      'led there by a rule',
    );
  }
});

// The rules do to a packet what IPVS does: what it leads to another node comes to `output` with the source that it came with;
// what it leads to this node is rewritten in `input` at priority 99, and tracked as what it was, or not at all.
rootTest("no packet that IPVS redirects reaches a node's tunnel", (context) => {
  const { node, outside } = build(context);
  ip(node, 'address add 203.0.113.77/32 dev lo', 'address add 2001:db8:77::77/128 dev lo');
  ip(
    outside,
    ...['192.0.2.0/24', '203.0.113.77/32'].map((to) => `route add ${to} via ${node4}`),
    ...['2001:db8:1::/64', '2001:db8:77::77/128'].map((to) => `route add ${to} via ${node6}`),
  );
  const rules = (isTracked: boolean): string => `
    table inet ipvs
    delete table inet ipvs
    table inet ipvs {
      counter marked { }
      counter untracked { }
      chain arrives { type filter hook prerouting priority -300;
        ${isTracked ? '' : 'udp dport 53 notrack'}; }
      chain here { type filter hook input priority 99;
        ip daddr 203.0.113.77 udp dport 53 udp dport set 4789 ip daddr set ${node4};
        ip6 daddr 2001:db8:77::77 udp dport 53 udp dport set 4789 ip6 daddr set ${node6}; }
      chain elsewhere { type filter hook output priority -500;
        udp sport 1001 ip saddr set 192.0.2.2; udp sport 1001 ip6 saddr set 2001:db8:1::2;
        udp sport 1002 ip saddr set 198.51.100.77; udp sport 1002 ip6 saddr set 2001:db8:ffff::77; }
      chain leaves { type filter hook output priority 310;
        udp dport 4789 ct state untracked counter name untracked; }
      chain after { type filter hook input priority 310; meta priority != none counter name marked; }
    }`;
  using nft = Nftables.open(node);
  using socket = NetlinkSocket.open({ namespace: node, family: 'netfilter' });
  const drops = new NftDrops(nft, () => nftCounters(socket, 'heddle'));
  const table = nftTable(drops);
  const given = { ...desired, hostPortAddresses: prefixes('198.51.100.1/32') };
  sealPackets(node);
  probe(outside);
  probe(node);
  for (const isTracked of [true, false]) {
    runIn(node, 'nft', rules(isTracked));
    applyEntries(table, new Map());
    for (const isOurs of [false, true]) {
      if (isOurs) applyEntries(table, entriesOf(nftContents(), given));
      for (const [peer, own, service] of [
        ['198.51.100.2', node4, '203.0.113.77'],
        ['2001:db8:ffff::2', node6, '2001:db8:77::77'],
      ] as const) {
        const what = `${peer}, ${isTracked ? 'tracked' : 'untracked'}`;
        const before = dropped(drops);
        for (const fromPort of [1001, 1002]) send(node, { from: own, fromPort, to: peer });
        send(outside, { from: peer, to: service, port: 53 });
        const arrived = [count(outside, 'every'), count(node, 'every')];
        assert.deepEqual(arrived, isOurs ? [0, 0] : [2, 1], what);
        assert.equal(dropped(drops) - before, isOurs ? 3 : 0, what);
        // Of the node's device, of its process to a host that is no node, and of the other node.
        send(node, { from: own, fromPort: devicePort, to: peer });
        send(node, { from: own, to: peer.replace(/2$/, '3') });
        send(outside, { from: peer, to: own });
        assert.deepEqual([count(outside, 'every'), count(node, 'every')], [2, 1], what);
        const counters = ['marked', 'untracked'].map((name) => {
          const listing = runIn(node, 'nft', 'reset', 'counter', 'inet', 'ipvs', name);
          return /packets (\d+)/.exec(listing)?.[1];
        });
        assert.deepEqual(counters, ['0', isOurs ? '1' : '0'], what);
      }
    }
  }
});

/** An error of an outside host: "fragmentation needed", about a packet of this node's to another node. */
const tunnelErrors: readonly {
  readonly what: string;
  readonly quoted: readonly [protocol: number, payload: Uint8Array];
  readonly options?: Uint8Array;
  readonly isFirstFragment?: boolean;
  readonly dropped: boolean;
}[] = [
  { what: 'in a tunnel', quoted: [17, toPort(4789)], dropped: true },
  {
    what: 'in a tunnel with IP options',
    options: new Uint8Array(4).fill(1),
    quoted: [17, toPort(4789)],
    dropped: true,
  },
  { what: 'of the tunnel device', quoted: [17, toPort(40000, 4789)], dropped: true },
  { what: 'an echo reply', quoted: [1, icmpEcho(4, { id: 1, reply: true })], dropped: true },
  {
    what: 'in a tunnel, a first fragment',
    quoted: [17, toPort(4789)],
    isFirstFragment: true,
    dropped: true,
  },
  { what: 'an echo request', quoted: [1, icmpEcho(4, { id: 1 })], dropped: false },
  { what: 'to another port', quoted: [17, toPort(53)], dropped: false },
  {
    what: 'TCP',
    quoted: [6, tcp({ sourcePort: 4789, destinationPort: 4789, flags: 16 })],
    dropped: false,
  },
];

/** A datagram with VXLAN's header in it, which the kernel looks at before it believes an error. */
function toPort(destinationPort: number, sourcePort = 40000): Uint8Array {
  return udp({ sourcePort, destinationPort }, vxlan(0, new Uint8Array(20)));
}

rootTest('no error of an outside host changes the path MTU between nodes', (context) => {
  const { node, outside } = build(context);
  ip(node, 'link add vx0 type vxlan external dstport 4789', 'link set vx0 up');
  using nft = Nftables.open(node);
  using socket = NetlinkSocket.open({ namespace: node, family: 'netfilter' });
  const drops = new NftDrops(nft, () => nftCounters(socket, 'heddle'));
  applyEntries(nftTable(drops), entriesOf(nftContents(), desired));
  const path = (space: NetworkNamespace) => ({
    namespacePath: `/proc/${process.pid}/fd/${space.fd}`,
  });
  const [near, far] = [portOf(path(node), 'up0'), portOf(path(outside), 'net0')];
  const macs = { sourceMac: far.mac, destinationMac: near.mac };
  const peer = '198.51.100.2';
  const sendError = ({
    quoted,
    options,
    isFirstFragment = false,
  }: (typeof tunnelErrors)[number]): void => {
    const about = frame({ source: node4, destination: peer }, quoted, options && { options });
    const body = [1, icmpSummed(icmpTooBig(4, about.subarray(14)))] as const;
    const ends = { source: '203.0.113.9', destination: node4, ...macs };
    sendFrames(far, [frame(ends, body, { moreFragments: isFirstFragment })]);
  };
  for (const error of tunnelErrors) {
    const before = dropped(drops);
    sendError(error);
    assert.equal(dropped(drops) - before, error.dropped ? 1 : 0, error.what);
    if (error.dropped) assert.doesNotMatch(runIn(node, 'ip', 'route', 'get', peer), /mtu/);
  }
  runIn(node, 'nft', 'delete', 'table', 'inet', 'heddle');
  runIn(node, 'ip', 'route', 'flush', 'cache');
  for (const error of tunnelErrors.slice(0, 4)) {
    sendError(error);
    assert.match(
      runIn(node, 'ip', 'route', 'get', peer),
      /mtu 1280/,
      `without rules: ${error.what}`,
    );
    runIn(node, 'ip', 'route', 'flush', 'cache');
  }
});

function icmpSummed(message: Uint8Array): Uint8Array {
  const summed = Uint8Array.from(message);
  new DataView(summed.buffer).setUint16(2, ~onesComplementSum(summed) & 0xffff);
  return summed;
}

rootTest('a Service or a host port that leads to the port does not lead pods there', (context) => {
  const { node, pod, outside } = build(context);
  using nft = Nftables.open(node);
  applyEntries(nftTable(nft), entriesOf(nftContents(), desired));
  probe(node);
  probe(outside);
  runIn(
    node,
    'nft',
    `table inet services {
       chain nat {
         type nat hook prerouting priority -100;
         ip daddr 203.0.113.77 meta l4proto udp dnat ip to 198.51.100.2:4789
         ip daddr 203.0.113.78 meta l4proto udp dnat ip to 198.51.100.1:4789
       }
     }`,
  );
  const send53 = (to: string): string =>
    runIn(
      pod,
      process.execPath,
      '-e',
      `
      const socket = require('node:dgram').createSocket('udp4');
      socket.send('x', 53, '${to}', () => socket.close());`,
    );
  send53('203.0.113.77');
  send53('203.0.113.78');
  assert.deepEqual([count(outside, 'every'), count(node, 'every')], [0, 0]);
});

function dropped(drops: NftDrops): number {
  return drops.byReason().reduce((total, { packets }) => total + packets, 0);
}
