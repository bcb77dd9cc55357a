// A node whose tunnel port is tested by nftables alone, without BPF programs. Three namespaces: a node, a pod behind
// `hd...`, and the network with other nodes and hosts.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { NftDrops } from '../../src/datapath/nft/drops.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import type { DesiredState } from '../../src/model/desired.ts';
import { parseAddress } from '../../src/net/address.ts';
import { type Prefix, parsePrefix } from '../../src/net/prefix.ts';
import { endpointCollection } from './compute-desired.ts';
import { ipIn, runIn, testNamespace } from './namespaces.ts';

const addresses = (...texts: string[]) => texts.map((text) => parseAddress(text));
export const prefixes = (...texts: string[]): readonly Prefix[] =>
  texts.map((text) => parsePrefix(text));
export const desired = {
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

export interface TunnelPlace {
  readonly node: NetworkNamespace;
  readonly pod: NetworkNamespace;
  readonly outside: NetworkNamespace;
}

/** The namespaces, connected; no rule of heddle's yet. */
export function tunnelNode(context: TestContext): TunnelPlace {
  const [node, pod, outside] = [1, 2, 3].map(() => testNamespace(context));
  assert(node !== undefined && pod !== undefined && outside !== undefined);
  const own = `/proc/${process.pid}/fd/`;
  ipIn(
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
  ipIn(
    pod,
    'link set eth0 up',
    'address add 192.0.2.2/24 dev eth0',
    'address add 2001:db8:1::2/64 dev eth0 nodad',
    'route add default via 192.0.2.1',
    'route add default via 2001:db8:1::1',
  );
  ipIn(
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
  ipIn(node, 'route add default via 198.51.100.2', 'route add default via 2001:db8:ffff::2');
  return { node, pod, outside };
}

/** What comes in to a process, or (of the outside) whatever arrives, to UDP 4789; and how much of it was tracked. */
export function probe(namespace: NetworkNamespace, tracking = ''): void {
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

export function count(namespace: NetworkNamespace, name: string): number {
  const listing = runIn(namespace, 'nft', 'reset', 'counter', 'inet', 'probe', name);
  return Number(/packets (\d+)/.exec(listing)?.[1]);
}

export interface Datagram {
  readonly to: string;
  /** Absent: the tunnel's. */
  readonly port?: number;
  /** The source address; default: the kernel's choice. */
  readonly from?: string;
  readonly fromPort?: number;
  readonly bytes?: number;
}

export function sendDatagram(
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
export function sealPackets(namespace: NetworkNamespace): void {
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

export const devicePort = 1003;

export const node4 = '198.51.100.1';
export const node6 = '2001:db8:ffff::1';

/** By all counters. */
export function dropped(drops: NftDrops): number {
  return drops.byReason().reduce((total, { packets }) => total + packets, 0);
}
