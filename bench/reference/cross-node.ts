// Cross-node peer: two namespaces on a bridge in a third one: the lab's own underlay without pods and without Heddle.

import type { Arm } from '../arm.ts';
import type { BenchPlace } from '../place.ts';
import { connect, runIp, type Topology } from './topology.ts';

export function hostToHost(topology: Topology): Arm {
  const bridge = topology.namespace('sw');
  const client = topology.namespace('host-a');
  const server = topology.namespace('host-b');
  runIp(bridge, 'link add br0 type bridge');
  runIp(bridge, 'link set br0 up');
  plugIntoSwitch(bridge, { place: client, address: '10.213.0.1/24', port: 'port-a' });
  plugIntoSwitch(bridge, { place: server, address: '10.213.0.2/24', port: 'port-b' });
  return { name: 'host-to-host', client, server, address: '10.213.0.2' };
}

/** Creates an eth0 for the node at `place`; its other end is a port of br0 in `bridge`. */
export function plugIntoSwitch(
  bridge: BenchPlace,
  {
    place,
    address,
    port,
  }: { readonly place: BenchPlace; readonly address: string; readonly port: string },
): void {
  connect({ place, name: 'eth0', address }, { place: bridge, name: port });
  runIp(bridge, `link set ${port} master br0`);
}
