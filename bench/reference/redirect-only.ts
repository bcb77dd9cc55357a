// The minimum cost of any pod network on veth pairs: programs that only redirect (no source check, no flow, no
// counter). The networks are those of forwarding-namespace and host-to-host, with one pod behind each node.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { attachTcx } from '../../src/kernel/bpf/attach/tcx.ts';
import { BpfObject } from '../../src/kernel/bpf/object.ts';
import { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { addressBytes, parseAddress } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import type { Arm } from '../arm.ts';
import type { BenchPlace } from '../place.ts';
import { plugIntoSwitch } from './cross-node.ts';
import { connect, runIp, type Topology } from './topology.ts';

const object = fileURLToPath(new URL('../programs/redirect_only.bpf.o', import.meta.url));

export function redirectOnlySameNode(topology: Topology): Arm {
  const node = topology.namespace('floor-node');
  const client = addPod(topology, { node, name: 'floor-a', link: 'veth-a', subnet: '10.214.1' });
  const server = addPod(topology, { node, name: 'floor-b', link: 'veth-b', subnet: '10.214.2' });
  redirect(topology, node, 'veth-a', { program: 'to_pod', target: 'veth-b', pod: server.address });
  redirect(topology, node, 'veth-b', { program: 'to_pod', target: 'veth-a', pod: client.address });
  const arm = { name: 'redirect only', client: client.place, server: server.place };
  return { ...arm, address: server.address };
}

export function redirectOnlyCrossNode(topology: Topology): Arm {
  const bridge = topology.namespace('floor-sw');
  runIp(bridge, 'link add br0 type bridge');
  runIp(bridge, 'link set br0 up');
  const ends = (['1', '2'] as const).map((number) => {
    const node = topology.namespace(`floor-node-${number}`);
    const port = `port-${number}`;
    const address = `10.215.0.${number}`;
    plugIntoSwitch(bridge, { place: node, address: `${address}/24`, port });
    const name = `floor-pod-${number}`;
    const pod = addPod(topology, { node, name, link: 'veth-a', subnet: `10.215.${number}` });
    return { node, address, pod };
  });
  const [near, far] = ends;
  if (near === undefined || far === undefined) throw new Error('two ends are needed');
  for (const [here, there] of [
    [near, far],
    [far, near],
  ] as const) {
    const out = { program: 'to_next_hop', target: 'eth0', nextHop: there.address } as const;
    redirect(topology, here.node, 'veth-a', out);
    const into = { program: 'to_pod', target: 'veth-a', pod: here.pod.address } as const;
    redirect(topology, here.node, 'eth0', into);
  }
  const arm = { name: 'redirect only', client: near.pod.place, server: far.pod.place };
  return { ...arm, address: far.pod.address };
}

interface PodShape {
  readonly node: BenchPlace;
  readonly name: string;
  readonly link: string;
  /** The first three parts of its /24; the node has .1, the pod .2. */
  readonly subnet: string;
}

function addPod(
  topology: Topology,
  { node, name, link, subnet }: PodShape,
): { readonly place: BenchPlace; readonly address: string } {
  const place = topology.namespace(name);
  const address = `${subnet}.2`;
  const inner = { place, name: 'eth0', address: `${address}/24` };
  connect(inner, { place: node, name: link, address: `${subnet}.1/24` });
  runIp(place, `route add default via ${subnet}.1`);
  return { place, address };
}

type Redirect =
  | { readonly program: 'to_pod'; readonly target: string; readonly pod: string }
  | { readonly program: 'to_next_hop'; readonly target: string; readonly nextHop: string };

/** Redirects packets that arrive at `link` to `target`, as long as the topology exists. */
function redirect(topology: Topology, node: BenchPlace, link: string, to: Redirect): void {
  using opened = BpfObject.open(readFileSync(object));
  opened.setConstant('target_ifindex', ifIndexOf(node, to.target));
  if (to.program === 'to_pod') opened.setConstant('pod', addressConstant(to.pod));
  else opened.setConstant('next_hop', addressConstant(to.nextHop));
  opened.load();
  using program = opened.program(to.program);
  using namespace = NetworkNamespace.open(node.namespacePath);
  const ifIndex = ifIndexOf(node, link);
  topology.use(namespace.run(() => attachTcx({ program, ifIndex, direction: 'ingress' })));
}

/** A __be32 as setConstant expects it: the bytes of the address read in the host's (little-endian) order. */
function addressConstant(text: string): number {
  return Buffer.from(addressBytes(parseAddress(text))).readUInt32LE(0);
}

function ifIndexOf(place: BenchPlace, link: string): IfIndex {
  const command = [`--net=${place.namespacePath}`, 'ip', '-o', 'link', 'show', link];
  const index = Number.parseInt(execFileSync('nsenter', command, { encoding: 'utf8' }), 10);
  return index as IfIndex;
}
