// The network of Flannel: the setup of its VXLAN backend with the reference `bridge` plugin, without netfilter. Each
// node has a bridge for its pods and a VXLAN device without learning: a route, a neighbour and a forwarding entry for
// each other node are written in advance.

import type { Arm } from '../arm.ts';
import type { BenchPlace } from '../place.ts';
import { addToBridge } from './bridge-plugin.ts';
import { plugIntoSwitch } from './cross-node.ts';
import { runInNamespace, runIp, type Topology } from './topology.ts';

const device = 'flannel.1';
const port = 8472;
// 1500 minus the headers of Ethernet, IPv4, UDP and VXLAN around each packet.
const mtuBytes = 1450;

interface FlannelNode {
  readonly place: BenchPlace;
  readonly address: string;
  /** The range of its pods; flannel gives the VXLAN device the range's network address. */
  readonly network: string;
  readonly deviceMac: string;
}

export function flannel(topology: Topology, stateDir: string): Arm {
  const place = topology.namespace('fl-sw');
  runIp(place, 'link add br0 type bridge');
  runIp(place, 'link set br0 up');
  const near = addNode(topology, place, 1);
  const far = addNode(topology, place, 2);
  leadTo(near, far);
  leadTo(far, near);
  const client = addPod(topology, near, stateDir);
  const server = addPod(topology, far, stateDir);
  return {
    name: "flannel's shape",
    client: client.place,
    server: server.place,
    address: server.address,
  };
}

function addNode(topology: Topology, bridge: BenchPlace, number: number): FlannelNode {
  const place = topology.namespace(`fl-node-${number}`);
  const address = `10.217.0.${number}`;
  const network = `10.218.${number}.0`;
  const deviceMac = `02:00:00:0a:da:0${number}`;
  plugIntoSwitch(bridge, { place, address: `${address}/24`, port: `port-${number}` });
  const vxlan = `type vxlan id 1 local ${address} dev eth0 dstport ${port} nolearning`;
  runIp(place, `link add ${device} address ${deviceMac} mtu ${mtuBytes} ${vxlan}`);
  runIp(place, `addr add ${network}/32 dev ${device}`);
  runIp(place, `link set ${device} up`);
  runInNamespace(place, ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  return { place, address, network, deviceMac };
}

function leadTo({ place }: FlannelNode, other: FlannelNode): void {
  const { address, network, deviceMac } = other;
  runIp(place, `route add ${network}/24 via ${network} dev ${device} onlink`);
  runIp(place, `neigh add ${network} lladdr ${deviceMac} nud permanent dev ${device}`);
  const entry = ['append', deviceMac, 'dev', device, 'dst', address, 'self', 'permanent'];
  runInNamespace(place, ['bridge', 'fdb', ...entry]);
}

function addPod(
  topology: Topology,
  node: FlannelNode,
  stateDir: string,
): { readonly place: BenchPlace; readonly address: string } {
  const name = `fl-pod-${node.network.split('.')[2]}`;
  const place = topology.namespace(name);
  const network = { name: `bench-${name}`, subnet: `${node.network}/24`, mtuBytes, stateDir };
  const address = addToBridge(node.place, place, network);
  return { place, address };
}
