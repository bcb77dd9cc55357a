// Traces of Heddle on a node, read with the node's own tools and not through the agent: this works without an agent,
// and lists what an agent forgot.

import assert from 'node:assert/strict';
import { queryTcx } from '../../src/kernel/bpf/attach/tcx.ts';
import { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { listLinks } from '../../src/kernel/netlink/link.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import type { KubeCluster } from './cluster/cluster.ts';

/** By kind; kinds without traces are omitted. */
export type Traces = Readonly<Record<string, readonly string[]>>;

// `72` is the protocol number of our routes and neighbours (datapath/host/routes.ts), `73` that of next hops.
const kinds = {
  links: "ip -o link | grep -oE ' (hd[0-9a-f]{11,}|heddle[^:@]*)[:@]'",
  routes: 'ip route show table all proto 72; ip -6 route show table all proto 72',
  neighbours: 'ip neigh show proto 72',
  nextHops: 'ip neigh show proto 73 | grep managed',
  nftables: 'nft list tables | grep -i heddle',
  pins: "find /sys/fs/bpf -mindepth 1 -name '*heddle*'; find /sys/fs/bpf/heddle -type f 2>/dev/null",
  // The tests of the cluster give the agent this part of the node's cgroups (cluster/heddle.ts).
  cgroups: 'bpftool cgroup tree /run/heddle/cgroup | tail -n +3',
  cni: 'ls /opt/cni/bin/*heddle* /etc/cni/net.d/*heddle* 2>/dev/null',
  // `cgroup` is the test cluster's (cluster/node-root.ts).
  files:
    'find /var/lib/heddle /run/heddle -path /run/heddle/cgroup -prune -o ! -type d -print 2>/dev/null',
  folders:
    'find /var/lib/heddle /run/heddle /sys/fs/bpf/heddle -path /run/heddle/cgroup -prune -o -type d ! -path /run/heddle ! -path /var/lib/heddle -print 2>/dev/null',
} as const;

/** The node's tools list it; an agent need not run. */
export async function tracesOn(cluster: KubeCluster, node: string): Promise<Traces> {
  const script = Object.entries(kinds)
    .map(([kind, command]) => `{ ${command}; } | sed 's/^ */${kind} /;s/ *$//'`)
    .join('\n');
  const lines = [...(await linesOf(cluster, node, script)), ...attachments(cluster, node)];
  const traces: Record<string, string[]> = {};
  for (const line of lines) {
    const [kind = '', ...rest] = line.split(' ');
    traces[kind] = [...(traces[kind] ?? []), rest.join(' ')];
  }
  return traces;
}

// Debian's bpftool does not know this kind of attachment yet.
function attachments(cluster: KubeCluster, node: string): readonly string[] {
  using namespace = NetworkNamespace.open(cluster.entry(node).place.namespacePath);
  using socket = NetlinkSocket.open({ namespace });
  const links = listLinks(socket);
  return namespace.run(() =>
    links.flatMap(({ name, ifIndex }) =>
      (['ingress', 'egress'] as const).flatMap((direction) =>
        queryTcx(ifIndex, direction).map(
          ({ programId }) => `attachments ${name} ${direction} program ${programId}`,
        ),
      ),
    ),
  );
}

/** What an administrator has on a node besides us: links, addresses, routes, rules, the ruleset, parameters. */
export function surroundings(cluster: KubeCluster, node: string): Promise<readonly string[]> {
  return linesOf(
    cluster,
    node,
    `ip -o link | sed 's/ qlen.*//'
ip -o addr | sed 's/valid_lft.*//'
ip route show table all
ip -6 route show table all
ip rule
ip -6 rule
tc qdisc show
nft list ruleset 2>/dev/null | sed 's/packets [0-9]* bytes [0-9]*//'
grep -rsH . /proc/sys/net/ipv4 /proc/sys/net/ipv6 | grep -vE 'stable_secret|icmp_ratelimit|tcp_fastopen_key'`,
  );
}

/** What a shell script says on a node, without empty lines. Throws when it has something to complain about. */
export async function linesOf(
  cluster: KubeCluster,
  node: string,
  script: string,
): Promise<readonly string[]> {
  const { stdout, stderr } = await cluster.run(node, ['sh', '-c', script]);
  assert.equal(stderr, '', node);
  return stdout.split('\n').filter((line) => line !== '');
}
