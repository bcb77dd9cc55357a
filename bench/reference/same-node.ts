// Same-node peers: one bare veth pair, two pairs through a forwarding namespace, the reference `bridge` plugin.

import type { Arm } from '../arm.ts';
import { addToBridge } from './bridge-plugin.ts';
import { connect, runInNamespace, runIp, type Topology } from './topology.ts';

/** One veth pair between two namespaces: the minimum. */
export function bareVeth(topology: Topology): Arm {
  const client = topology.namespace('bare-a');
  const server = topology.namespace('bare-b');
  connect(
    { place: client, name: 'eth0', address: '10.210.0.1/24' },
    { place: server, name: 'eth0', address: '10.210.0.2/24' },
  );
  return { name: 'bare veth', client, server, address: '10.210.0.2' };
}

/** A pod network without its work: a namespace in the middle that only forwards. */
export function forwardingNamespace(topology: Topology): Arm {
  const client = topology.namespace('fwd-a');
  const server = topology.namespace('fwd-b');
  const node = topology.namespace('fwd-node');
  connect(
    { place: client, name: 'eth0', address: '10.211.1.2/24' },
    { place: node, name: 'veth-a', address: '10.211.1.1/24' },
  );
  connect(
    { place: server, name: 'eth0', address: '10.211.2.2/24' },
    { place: node, name: 'veth-b', address: '10.211.2.1/24' },
  );
  runIp(client, 'route add default via 10.211.1.1');
  runIp(server, 'route add default via 10.211.2.1');
  runInNamespace(node, ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  return { name: 'forwarding namespace', client, server, address: '10.211.2.2' };
}

/** The reference `bridge` plugin, gateway on the bridge. */
export function bridgePlugin(topology: Topology, stateDir: string): Arm {
  const node = topology.namespace('br-node');
  const client = topology.namespace('br-a');
  const server = topology.namespace('br-b');
  const network = { name: 'bench', subnet: '10.212.0.0/24', mtuBytes: 1500, stateDir };
  addToBridge(node, client, network);
  return { name: 'bridge plugin', client, server, address: addToBridge(node, server, network) };
}
