// The tunnel's port by nftables alone: the senders that are allowed, and the packets that are not tracked.

import assert from 'node:assert/strict';
import { NftDrops } from '../../src/datapath/nft/drops.ts';
import { nftContents } from '../../src/datapath/nft/rules.ts';
import { nftTable } from '../../src/datapath/nft/table.ts';
import { nftCounters } from '../../src/kernel/netfilter/nft-counters.ts';
import { Nftables } from '../../src/kernel/netfilter/nftables.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { entriesOf } from '../support/entries-of.ts';
import { ipIn, runIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';
import { applyEntries } from '../support/table-contract.ts';
import {
  count,
  desired,
  devicePort,
  dropped,
  node4,
  node6,
  prefixes,
  probe,
  sealPackets,
  sendDatagram,
  tunnelNode,
} from '../support/tunnel-node.ts';

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
  const place = tunnelNode(context);
  using nft = Nftables.open(place.node);
  using socket = NetlinkSocket.open({ namespace: place.node, family: 'netfilter' });
  const drops = new NftDrops(nft, () => nftCounters(socket, 'heddle'));
  const table = nftTable(drops);
  // Only packets that other hosts of the network could send anyway: the pod's kernel must accept the input.
  ipIn(place.outside, 'route add 192.0.2.0/24 via 198.51.100.1');
  probe(place.node);
  // With masquerading and without: connections are tracked in both cases.
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
      sendDatagram(place[who], datagram);
      assert.equal(count(place.node, 'every'), arrives ? 1 : 0, what);
      // The first fragment is dropped; the others wait for it in vain.
      assert.equal(dropped(drops) - before, arrives ? 0 : 1, what);
    }
  }
});

rootTest(
  "only packets between nodes are untracked; a pod's to an outside host are masqueraded",
  (context) => {
    const { node, pod, outside } = tunnelNode(context);
    using nft = Nftables.open(node);
    const table = nftTable(nft);
    applyEntries(table, entriesOf(nftContents(), desired));
    probe(node, 'udp dport 4789 ct state untracked counter name untracked');
    probe(outside);
    ipIn(outside, 'route add 192.0.2.0/24 via 198.51.100.1');
    sendDatagram(outside, { from: '198.51.100.2', to: node4 });
    assert.equal(count(node, 'untracked'), 1, 'from another node');
    for (const to of ['203.0.113.9', '198.51.100.3']) {
      sendDatagram(pod, { to });
      assert.deepEqual([count(outside, 'every'), count(outside, 'masqueraded')], [1, 1], to);
    }
    sendDatagram(pod, { to: '2001:db8:9::9' });
    assert.equal(count(outside, 'every'), 1, 'IPv6');
    const sources = runIn(node, 'conntrack', '-L', '-f', 'ipv6', '-p', 'udp');
    assert.match(sources, /src=2001:db8:1::2 dst=2001:db8:9::9 .*dst=2001:db8:ffff::1 /);
    for (const to of ['198.51.100.2', '2001:db8:ffff::2']) {
      sendDatagram(pod, { to });
      assert.equal(count(outside, 'every'), 0, `a pod to another node's tunnel, ${to}`);
    }
    sendDatagram(node, { from: node4, to: '198.51.100.3' });
    const ofNode = runIn(node, 'conntrack', '-L', '-p', 'udp', '-s', node4);
    assert.match(ofNode, /dst=198.51.100.3 /, 'a process of the node');
    sealPackets(node);
    sendDatagram(node, { from: node4, fromPort: devicePort, to: '198.51.100.2' });
    assert.equal(count(outside, 'every'), 2, 'both');
    assert.doesNotMatch(
      runIn(node, 'conntrack', '-L', '-p', 'udp', '-s', node4),
      /dst=198.51.100.2 /,
    );
  },
);

rootTest("only the node's VXLAN device sends to another node's tunnel", (context) => {
  const { node, outside } = tunnelNode(context);
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
      sendDatagram(node, datagram);
      const passes = arrives || ours === undefined;
      const found = [count(outside, 'every'), dropped(drops) - before];
      assert.deepEqual(found, passes ? [1, 0] : [0, 1], `${what} to ${datagram.to}`);
    }
    const left = runIn(node, 'nft', 'reset', 'counter', 'inet', 'seal', 'left');
    assert.equal(/packets 0/.test(left), ours !== undefined, 'the priority is cleared');
  }
});

rootTest("no packet that the node forwards for others reaches another node's tunnel", (context) => {
  const { node, outside } = tunnelNode(context);
  const container = testNamespace(context);
  ipIn(
    node,
    `link add docker0 type veth peer name eth0 netns /proc/${process.pid}/fd/${container.fd}`,
    'link set docker0 up',
    'address add 172.17.0.1/24 dev docker0',
    'address add 2001:db8:17::1/64 dev docker0 nodad',
    'address add 198.51.100.9/32 dev lo',
  );
  ipIn(
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
    sendDatagram(container, { to });
    assert.equal(count(outside, 'every'), 1, `as this node to ${to}`);
  }
  for (const given of [desired, { ...desired, masquerade: undefined }]) {
    applyEntries(table, entriesOf(nftContents(), given));
    for (const to of ['198.51.100.2', '2001:db8:ffff::2']) {
      const before = dropped(drops);
      sendDatagram(container, { to });
      assert.deepEqual([count(outside, 'every'), dropped(drops) - before], [0, 1], to);
    }
    sendDatagram(container, { to: '198.51.100.3' });
    assert.equal(count(outside, 'every'), 1, 'a host that is no node');
    const before = dropped(drops);
    sendDatagram(outside, { from: '198.51.100.2', to: '198.51.100.9' });
    assert.deepEqual(
      [count(node, 'every'), dropped(drops) - before],
      [0, 1],
      'led there by a rule',
    );
  }
});
