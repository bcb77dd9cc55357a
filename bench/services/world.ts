// The networks of the proxies: for each a node with a client and a server pod and a machine outside, and one network
// between all nodes and the API server. Nodes do not see each other, so they have the same addresses.

import type { BenchPlace } from '../place.ts';
import { connect, runInNamespace, runIp, type Topology } from '../reference/topology.ts';
import { proxyNodeAddress } from './population.ts';
import type { ProxyNetwork } from './proxy.ts';

/** The API server's address, and the network of the nodes' addresses there. */
export const apiAddress = '10.218.0.1';

const outsideAddress = '10.219.0.2';
const gateway = '10.220.0.1';

/** Addresses of the pods in every network. */
export interface PodAddresses {
  readonly client: string;
  readonly server: string;
}

/** A bridge in the API server's namespace, which has the API server's address. */
export function makeSwitch(api: BenchPlace): void {
  runIp(api, 'link add br0 type bridge');
  runIp(api, `addr add ${apiAddress}/24 dev br0`);
  runIp(api, 'link set br0 up');
}

export interface BareNode {
  readonly node: BenchPlace;
  readonly outside: BenchPlace;
  /** In the network of the API server. */
  readonly address: string;
}

/** `number`: 1 to 200, another one for each. */
export function plugNode(
  topology: Topology,
  {
    name,
    api,
    number,
  }: { readonly name: string; readonly api: BenchPlace; readonly number: number },
): BareNode {
  const node = topology.namespace(name);
  const outside = topology.namespace(`${name}-out`);
  const address = `10.218.0.${10 + number}`;
  const port = `port${number}`;
  connect({ place: api, name: port }, { place: node, name: 'api0', address: `${address}/24` });
  runIp(api, `link set ${port} master br0`);
  connect(
    { place: node, name: 'eth0', address: `${proxyNodeAddress}/24` },
    { place: outside, name: 'eth0', address: `${outsideAddress}/24` },
  );
  // kube-proxy refuses in the forwarding hooks, so addresses of Services must have a route.
  runIp(node, `route add default via ${outsideAddress}`);
  return { node, outside, address };
}

/** Pods of a node that only forwards, as the reference plugin `ptp` connects them: the least that a network can do. */
export function addRoutedPods(
  topology: Topology,
  {
    name,
    node: { node, outside },
    pods: { client, server },
  }: { readonly name: string; readonly node: BareNode; readonly pods: PodAddresses },
): ProxyNetwork {
  runInNamespace(node, ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  const pod = (kind: string, address: string): BenchPlace => {
    const place = topology.namespace(`${name}-${kind}`);
    connect(
      { place: node, name: kind, address: `${gateway}/32` },
      { place, name: 'eth0', address: `${address}/32` },
    );
    runIp(node, `route add ${address}/32 dev ${kind}`);
    runIp(place, `route add ${gateway}/32 dev eth0`);
    runIp(place, `route add default via ${gateway} dev eth0`);
    return place;
  };
  return { node, outside, client: pod('client', client), server: pod('server', server) };
}
