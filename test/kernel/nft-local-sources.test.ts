// Packets that a process of the node sends with a pod's source address: by nftables alone, without BPF programs. Two
// namespaces: a node and the network outside.

import assert from 'node:assert/strict';
import { describe, type TestContext } from 'node:test';
import { NftDrops } from '../../src/datapath/nft/drops.ts';
import { matchesSockets } from '../../src/datapath/nft/local-sources.ts';
import { nftContents } from '../../src/datapath/nft/rules.ts';
import { nftTable } from '../../src/datapath/nft/table.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { nftCounters } from '../../src/kernel/netfilter/nft-counters.ts';
import { Nftables } from '../../src/kernel/netfilter/nftables.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import type { DesiredState } from '../../src/model/desired.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { type BoundSend, boundSend, withoutCapabilities } from '../support/bound-sender.ts';
import { endpointCollection } from '../support/compute-desired.ts';
import { entriesOf } from '../support/entries-of.ts';
import { portOf } from '../support/forged-frames.ts';
import { eventuallyDefined } from '../support/lab.ts';
import { ipIn, placeOf, runIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';
import { applyEntries } from '../support/table-contract.ts';

const desired = {
  endpoints: endpointCollection([]),
  podRanges: [],
  podSources: ['192.0.2.0/24', '2001:db8:1::/64', '2001:db8:2::/64'].map((text) =>
    parsePrefix(text),
  ),
} as unknown as DesiredState;

const pods = { 4: '192.0.2.2', 6: '2001:db8:1::2' } as const;
const far = { 4: '203.0.113.9', 6: '2001:db8:9::9' } as const;

interface Place {
  readonly node: NetworkNamespace;
  readonly outside: NetworkNamespace;
}

function build(context: TestContext): Place {
  const [node, outside] = [1, 2].map(() => testNamespace(context));
  assert(node !== undefined && outside !== undefined);
  ipIn(
    node,
    `link add up0 type veth peer name net0 netns /proc/${process.pid}/fd/${outside.fd}`,
    ...['link set lo up', 'link set up0 up', 'address add 198.51.100.1/24 dev up0'],
    'address add 2001:db8:ffff::1/64 dev up0 nodad',
    'address add 2001:db8:1::1/128 dev lo nodad',
  );
  ipIn(
    outside,
    ...['link set lo up', 'link set net0 up', 'address add 198.51.100.2/24 dev net0'],
    'address add 2001:db8:ffff::2/64 dev net0 nodad',
    ...['address add 203.0.113.9/32 dev lo', 'address add 2001:db8:9::9/128 dev lo nodad'],
  );
  ipIn(node, 'route add default via 198.51.100.2', 'route add default via 2001:db8:ffff::2');
  ipIn(outside, 'route add default via 198.51.100.1', 'route add default via 2001:db8:ffff::1');
  const { mac } = portOf(placeOf(outside), 'net0');
  ipIn(
    node,
    `neigh add 198.51.100.2 lladdr ${mac} dev up0`,
    `neigh add 2001:db8:ffff::2 lladdr ${mac} dev up0`,
  );
  runIn(node, 'sysctl', '-qw', 'net.ipv4.ping_group_range=0 2147483647');
  using nft = Nftables.open(node);
  assert.equal(matchesSockets(nft), true);
  assert.doesNotMatch(runIn(node, 'nft', 'list', 'tables'), /attempt/);
  applyEntries(nftTable(nft), entriesOf(nftContents(), desired));
  runIn(
    outside,
    'nft',
    `table inet probe {
       counter every { }
       chain in {
         type filter hook prerouting priority -300
         ip saddr 192.0.2.0/24 counter name every
         ip6 saddr { 2001:db8:1::/64, 2001:db8:2::/64 } counter name every
       }
     }`,
  );
  return { node, outside };
}

function counted({ node, outside }: Place): { readonly dropped: number; readonly arrived: number } {
  using nft = Nftables.open(node);
  using socket = NetlinkSocket.open({ namespace: node, family: 'netfilter' });
  const drops = new NftDrops(nft, () => nftCounters(socket, 'heddle')).byReason();
  const listing = runIn(outside, 'nft', 'list', 'counter', 'inet', 'probe', 'every');
  return {
    dropped: drops.find(({ reason }) => reason === 'spoofed by a local process')?.packets ?? 0,
    arrived: Number(/packets (\d+)/.exec(listing)?.[1]),
  };
}

async function arrives(place: Place, packets: number): Promise<void> {
  await eventuallyDefined(`${packets} arrived`, () =>
    counted(place).arrived >= packets ? true : undefined,
  );
  assert.equal(counted(place).dropped, 0);
}

type Send = Pick<BoundSend, 'kind' | 'by' | 'family'> & Partial<BoundSend>;

describe("a pod's source address, from a process of the node", () => {
  const send = (place: Place, { family, ...rest }: Send, prefix = withoutCapabilities): string =>
    boundSend(
      place.node,
      { family, from: pods[family], to: far[family], port: 53, ...rest },
      prefix,
    );

  for (const kind of ['udp', 'tcp', 'mptcp', 'sctp', 'ping'] as const) {
    rootTest(`IPv6 ${kind}: dropped and counted`, (context) => {
      const place = build(context);
      for (const from of [pods[6], '2001:db8:2::7']) {
        const result = send(place, { family: 6, kind, by: 'freebind', from });
        if (result.startsWith('socket ')) {
          context.diagnostic(`this kernel has no sockets of this kind: ${result}`);
          return;
        }
        // nftables' drop in `output` is told to the sender of a datagram.
        assert.match(result, /^(sent|sendto EPERM|connect EPERM)$/);
      }
      const { dropped, arrived } = counted(place);
      assert.ok(dropped >= 2, `${dropped} dropped`);
      assert.equal(arrived, 0);
    });
  }

  rootTest('IPv4: the kernel refuses to send', (context) => {
    const place = build(context);
    for (const kind of ['udp', 'tcp'] as const) {
      assert.match(send(place, { family: 4, kind, by: 'freebind' }), / (EINVAL|ENETUNREACH)$/);
    }
    assert.deepEqual(counted(place), { dropped: 0, arrived: 0 });
  });

  rootTest(
    'a transparent proxy sends as its clients, which takes a capability',
    async (context) => {
      const place = build(context);
      for (const family of [4, 6] as const) {
        const refused = send(place, { family, kind: 'udp', by: 'transparent' });
        assert.equal(refused, 'setsockopt EPERM');
        for (const kind of ['udp', 'tcp'] as const) {
          assert.equal(send(place, { family, kind, by: 'transparent' }, []), 'sent');
        }
      }
      await eventuallyDefined('all of them arrived', async () =>
        counted(place).arrived >= 4 ? true : undefined,
      );
      assert.equal(counted(place).dropped, 0);
    },
  );

  rootTest("the node's own address in the range is no pod's", async (context) => {
    const place = build(context);
    const own = { family: 6, kind: 'udp', by: 'freebind', from: '2001:db8:1::1' } as const;
    assert.equal(send(place, own), 'sent');
    await arrives(place, 1);
  });

  rootTest("the reset of a REJECT rule in a pod's name passes", async (context) => {
    const place = build(context);
    runIn(place.node, 'sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1');
    ipIn(place.node, 'route add 2001:db8:1::/64 dev lo');
    runIn(
      place.node,
      'nft',
      `table inet firewall {
         chain early {
           type filter hook prerouting priority 0
           ip6 daddr ${pods[6]} reject with tcp reset
         }
       }`,
    );
    const answer = runIn(
      place.outside,
      process.execPath,
      '-e',
      `require('node:net').connect(80, '${pods[6]}').on('error', ({ code }) => console.log(code))`,
    );
    assert.equal(answer.trim(), 'ECONNREFUSED');
    await arrives(place, 1);
  });
});
