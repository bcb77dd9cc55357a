// Cross-node peer: two namespaces on a bridge in a third, the lab's own underlay without pods and without us.

import type { Arm } from '../arm.ts';
import { connect, ip, type Topology } from './topology.ts';

export function hostToHost(topology: Topology): Arm {
  const bridge = topology.namespace('sw');
  const client = topology.namespace('host-a');
  const server = topology.namespace('host-b');
  ip(bridge, 'link add br0 type bridge');
  ip(bridge, 'link set br0 up');
  const ends = [
    { place: client, address: '10.213.0.1/24', port: 'port-a' },
    { place: server, address: '10.213.0.2/24', port: 'port-b' },
  ];
  for (const { place, address, port } of ends) {
    connect({ place, name: 'eth0', address }, { place: bridge, name: port });
    ip(bridge, `link set ${port} master br0`);
  }
  return { name: 'host-to-host', client, server, address: '10.213.0.2' };
}
