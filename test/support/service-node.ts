// A node with the programs at sockets attached to a cgroup: a namespace for the node, which also has the servers, and
// one for a pod. Servers answer with their address and port. Those at the addresses of Services show calls that no
// program has led to a backend.

import type { TestContext } from 'node:test';
import { UndoStack } from '../../src/base/undo.ts';
import {
  type Affinity,
  type AffinityKey,
  type ConnectedSocket,
  choiceKind,
  type DatagramEntry,
  type DatagramKey,
  locationKind,
  maps,
  programNames,
  type ServiceEntry,
  type ServiceKey,
  type Slot,
  type SlotKey,
  type SourceRange,
  type SourceRangeKey,
} from '../../src/datapath/generated.ts';
import { hookPoints } from '../../src/datapath/hooks.ts';
import { readDatapathObject } from '../../src/datapath/load/loader.ts';
import { attachCgroup } from '../../src/kernel/bpf/attach/cgroup.ts';
import type { BpfMap } from '../../src/kernel/bpf/map.ts';
import { BpfObject } from '../../src/kernel/bpf/object.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { parseAddress } from '../../src/net/address.ts';
import { testCgroup } from './bpf.ts';
import { ipIn, placeOf, testNamespace } from './namespaces.ts';
import { LineProgram, SocketCaller, type SocketEnd } from './socket-caller.ts';

export interface SocketNode {
  /** A process of the node, and one of the pod. */
  readonly node: SocketCaller;
  readonly pod: SocketCaller;
  readonly tables: SocketMaps;
  readonly namespaces: { readonly node: NetworkNamespace; readonly pod: NetworkNamespace };
  /** Starts another process of the node. */
  startNodeProcess(): Promise<SocketCaller>;
  readonly loaded: BpfObject;
}

export interface SocketMaps {
  readonly frontends: BpfMap<ServiceKey, ServiceEntry>;
  readonly slots: BpfMap<SlotKey, Slot>;
  readonly sourceRanges: BpfMap<SourceRangeKey, SourceRange>;
  readonly affinities: BpfMap<AffinityKey, Affinity>;
  readonly connectedSockets: BpfMap<number, ConnectedSocket>;
  readonly datagrams: BpfMap<DatagramKey, DatagramEntry>;
}

export type ByFamily<Value> = Readonly<Record<4 | 6, Value>>;

/** Addresses of the node and of the pod. */
export const ownAddress: ByFamily<string> = { 4: '203.0.113.1', 6: '2001:db8:ffff::1' };
export const podAddress: ByFamily<string> = { 4: '192.0.2.10', 6: '2001:db8:1::10' };
/** Addresses of Services; servers at port 80 there see what no program has led elsewhere. */
export const clusterAddress: ByFamily<string> = { 4: '198.51.100.200', 6: '2001:db8:2::200' };
export const nodePort = 30_080;
/** Backends, by number from 1: three at addresses of the node's loopback interface, and one in the pod. */
export const backends: ByFamily<readonly SocketEnd[]> = {
  4: ['198.51.100.1', '198.51.100.2', '198.51.100.3', podAddress[4]].map(at(8080)),
  6: ['2001:db8:2::1', '2001:db8:2::2', '2001:db8:2::3', podAddress[6]].map(at(8080)),
};
export const podBackend = 4;
export const protocolNumbers = { tcp: 6, udp: 17 } as const;

function at(port: number): (address: string) => SocketEnd {
  return (address) => ({ address, port });
}

/** What the server at a place answers. */
export function answerOf({ address, port }: SocketEnd): string {
  return `${address},${port}`;
}

export interface ServiceNodeOptions {
  readonly servicesOn?: boolean;
  readonly podSocketsOn?: boolean;
}

export async function serviceNode(
  context: TestContext,
  options: ServiceNodeOptions = {},
): Promise<SocketNode> {
  const programs: { end(): Promise<void> }[] = [];
  // Before the removal of the cgroup and the namespaces.
  context.after(async () => {
    await Promise.all(programs.map((program) => program.end()));
  });
  const cgroup = testCgroup(context);
  const [nodeNamespace, podNamespace] = [testNamespace(context), testNamespace(context)];
  connectNamespaces(nodeNamespace, podNamespace);
  const opened = new UndoStack();
  context.after(() => opened[Symbol.dispose]());
  const loaded = loadSocketPrograms(opened, nodeNamespace, options);
  attachSocketPrograms(opened, loaded, cgroup);
  const start = async (namespace: NetworkNamespace): Promise<SocketCaller> => {
    const caller = await SocketCaller.start(namespace, cgroup);
    programs.push(caller);
    return caller;
  };
  for (const [namespace, places] of [
    [nodeNamespace, placesInNode()],
    [podNamespace, placesInPod()],
  ] as const) {
    const servers = new LineProgram(namespace, 'named-servers', places.map(answerOf));
    programs.push(servers);
    await servers.line();
  }
  return {
    node: await start(nodeNamespace),
    pod: await start(podNamespace),
    startNodeProcess: () => start(nodeNamespace),
    tables: openServiceMaps(opened, loaded),
    namespaces: { node: nodeNamespace, pod: podNamespace },
    loaded,
  };
}

function placesInNode(): readonly SocketEnd[] {
  return ([4, 6] as const).flatMap((family) => [
    ...backendsInNode(family),
    { address: clusterAddress[family], port: 80 },
    { address: ownAddress[family], port: nodePort },
  ]);
}

function placesInPod(): readonly SocketEnd[] {
  return ([4, 6] as const).flatMap((family) => backends[family].slice(podBackend - 1));
}

function backendsInNode(family: 4 | 6): readonly SocketEnd[] {
  return backends[family].slice(0, podBackend - 1);
}

function connectNamespaces(node: NetworkNamespace, pod: NetworkNamespace): void {
  const { namespacePath } = placeOf(pod);
  ipIn(node, 'link set lo up', `link add pod type veth peer name eth0 netns ${namespacePath}`);
  ipIn(pod, 'link set lo up');
  for (const family of [4, 6] as const) {
    const length = family === 4 ? 32 : 128;
    const own = [ownAddress, clusterAddress].map((addresses) => addresses[family]);
    for (const address of [...own, ...backendsInNode(family).map(({ address }) => address)]) {
      ipIn(node, `address add ${address}/${length} dev lo`);
    }
  }
  ipIn(node, 'address add 192.0.2.1/24 dev pod', 'address add 2001:db8:1::1/64 dev pod nodad');
  ipIn(pod, `address add ${podAddress[4]}/24 dev eth0`);
  ipIn(pod, `address add ${podAddress[6]}/64 dev eth0 nodad`);
  ipIn(node, 'link set pod up');
  ipIn(pod, 'link set eth0 up', 'route add default via 192.0.2.1');
  ipIn(pod, 'route add default via 2001:db8:1::1');
}

function loadSocketPrograms(
  opened: UndoStack,
  node: NetworkNamespace,
  { servicesOn = true, podSocketsOn = true }: ServiceNodeOptions,
): BpfObject {
  const object = opened.use(BpfObject.open(readDatapathObject(), { name: 'test' }));
  object.setConstant('services_on', servicesOn);
  object.setConstant('pod_sockets_on', podSocketsOn);
  object.setConstant('node_netns_cookie', node.cookie());
  object.setMaxEntries('flows', 4096);
  object.load();
  using addresses = object.map(maps.addresses);
  for (const family of [4, 6] as const) {
    const anywhere = { ifindex: 0, endpointId: 0, queued: 0 };
    const host = { kind: locationKind.host, ...anywhere };
    addresses.set(parseAddress(ownAddress[family]), host);
    const endpoint = { kind: locationKind.endpoint, ...anywhere };
    addresses.set(parseAddress(podAddress[family]), endpoint);
  }
  return object;
}

/** As the agent will: every program of the object that has a hook at cgroups. */
function attachSocketPrograms(opened: UndoStack, object: BpfObject, cgroup: string): void {
  for (const name of programNames) {
    const point = hookPoints[name];
    if (point.target !== 'cgroup') continue;
    const program = opened.use(object.program(name));
    opened.use(attachCgroup({ program, cgroup, attachType: point.attachType }));
  }
}

function openServiceMaps(opened: UndoStack, object: BpfObject): SocketMaps {
  return {
    frontends: opened.use(object.map(maps.frontends)),
    slots: opened.use(object.map(maps.slots)),
    sourceRanges: opened.use(object.map(maps.sourceRanges)),
    affinities: opened.use(object.map(maps.affinities)),
    connectedSockets: opened.use(object.map(maps.connectedSockets)),
    datagrams: opened.use(object.map(maps.datagrams)),
  };
}

export interface TestFrontend extends SocketEnd {
  readonly protocol: keyof typeof protocolNumbers;
}

export interface TestChoice {
  readonly kind: keyof typeof choiceKind;
  readonly list?: number;
  readonly count?: number;
  readonly affinitySeconds?: number;
  readonly hasSourceRanges?: boolean;
}

/** Number of the Service's port of every frontend here. */
export const serviceNumber = 7;

/** Clients outside get an error. */
export function setFrontend(tables: SocketMaps, to: TestFrontend, choice: TestChoice): void {
  const { address, port, protocol } = to;
  const key = {
    address: parseAddress(address),
    port,
    protocol: port === 0 ? 0 : protocolNumbers[protocol],
  };
  const { kind, list = 0, count = 0, affinitySeconds = 0, hasSourceRanges = false } = choice;
  tables.frontends.set(key, {
    key,
    service: serviceNumber,
    inside: { list, count, kind: choiceKind[kind], masquerade: 0 },
    outside: { list: 0, count: 0, kind: choiceKind.refuse, masquerade: 0 },
    affinitySeconds,
    hasSourceRanges: hasSourceRanges ? 1 : 0,
    isConsistent: 0,
  });
}

/** Writes a list of these backends, whose numbers have to ascend; returns what a frontend needs. */
export function setList(
  tables: SocketMaps,
  list: number,
  numbers: readonly number[],
  family: 4 | 6 = 4,
): TestChoice {
  for (const [index, number] of numbers.entries()) {
    const { address, port } = backends[family][number - 1] ?? { address: '', port: 0 };
    const slot = { list, backend: number, address: parseAddress(address), port };
    tables.slots.set({ list, index }, slot);
  }
  return { kind: 'backends', list, count: numbers.length };
}
