// The tunnel's port by nftables alone: what IPVS and other rules of the node lead there.

import assert from 'node:assert/strict';
import { NftDrops } from '../../src/datapath/nft/drops.ts';
import { nftContents } from '../../src/datapath/nft/rules.ts';
import { nftTable } from '../../src/datapath/nft/table.ts';
import { nftCounters } from '../../src/kernel/netfilter/nft-counters.ts';
import { Nftables } from '../../src/kernel/netfilter/nftables.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { entriesOf } from '../support/entries-of.ts';
import { ipIn, runIn } from '../support/namespaces.ts';
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

// The rules do to a packet what IPVS does: what it leads to another node comes to `output` with the source that it came with;
// what it leads to this node is rewritten in `input` at priority 99, and tracked as what it was, or not at all.
rootTest("no packet that IPVS redirects reaches a node's tunnel", (context) => {
  const { node, outside } = tunnelNode(context);
  ipIn(node, 'address add 203.0.113.77/32 dev lo', 'address add 2001:db8:77::77/128 dev lo');
  ipIn(
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
        for (const fromPort of [1001, 1002]) sendDatagram(node, { from: own, fromPort, to: peer });
        sendDatagram(outside, { from: peer, to: service, port: 53 });
        const arrived = [count(outside, 'every'), count(node, 'every')];
        assert.deepEqual(arrived, isOurs ? [0, 0] : [2, 1], what);
        assert.equal(dropped(drops) - before, isOurs ? 3 : 0, what);
        // Of the node's device, of its process to a host that is no node, and of the other node.
        sendDatagram(node, { from: own, fromPort: devicePort, to: peer });
        sendDatagram(node, { from: own, to: peer.replace(/2$/, '3') });
        sendDatagram(outside, { from: peer, to: own });
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

rootTest('a Service or a host port that leads to the port does not lead pods there', (context) => {
  const { node, pod, outside } = tunnelNode(context);
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
