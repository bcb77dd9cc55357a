// A node for CNI tests: a namespace, and the part of the agent that answers the shim, with real links and records on
// disk. The few routes that the data path would set are set here instead.

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { answerCni } from '../../src/agent/server/cni.ts';
import { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { addAddress } from '../../src/kernel/netlink/address.ts';
import { listLinks, setLink } from '../../src/kernel/netlink/link.ts';
import { replaceNeighbour } from '../../src/kernel/netlink/neighbour.ts';
import { replaceRoute } from '../../src/kernel/netlink/route.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import type { LocalEndpoint } from '../../src/model/endpoint.ts';
import { type Address, addressFamily } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { hostPrefix, parsePrefix } from '../../src/net/prefix.ts';
import { AddressCooldown } from '../../src/pods/addresses/cooldown.ts';
import { VethWiring } from '../../src/pods/interface/veth-wiring.ts';
import { Pods } from '../../src/pods/pods.ts';
import { EndpointStore } from '../../src/pods/records/store.ts';
import type { IpamSettings } from '../../src/pods/reservation.ts';
import { joinCall } from './join-call.ts';
import { testNamespace, testNamespacePath } from './namespaces.ts';
import { silentLogger } from './silent-logger.ts';

/** Ranges of the node, unless a test gives others. */
const dualStack = ['10.201.1.0/24', 'fd00:201:1::/64'];
export const nodeAddresses = ['10.200.0.11', 'fd00:200::11'] as Address[];

/** A node: a namespace with addresses, and the part of the agent that serves CNI. */
export interface TestNode {
  readonly namespace: NetworkNamespace;
  readonly socket: NetlinkSocket;
  readonly directory: string;
  readonly store: EndpointStore;
  readonly pods: Pods;
  /** Runs once at the next settle, which fails with the returned error. */
  failSettle(once: () => Error | undefined): void;
  call(verb: string, pod: TestPod, changes?: Changes): Promise<PluginAnswer>;
  /** Another agent for the same node and state directory, as after a restart. */
  restart(): Promise<Pods>;
}

export interface TestPod {
  readonly containerId: string;
  readonly path: string;
  readonly namespace: NetworkNamespace;
  /** Ends the namespace with its path. */
  end(): void;
}

export interface Changes {
  readonly environment?: Readonly<Record<string, string>>;
  readonly prevResult?: unknown;
  readonly name?: string;
  readonly runtimeConfig?: unknown;
  readonly 'cni.dev/valid-attachments'?: unknown;
}

export interface PluginAnswer {
  readonly exitCode: number;
  /** undefined for an empty answer. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

export function makeNode(
  context: TestContext,
  ranges: readonly string[] = dualStack,
  /** Cool-down of its addresses in ms; none by default. */
  cooldownMs = 0,
): TestNode {
  const namespace = testNamespace(context);
  const socket = NetlinkSocket.open({ namespace });
  const directory = mkdtempSync(path.join(tmpdir(), 'heddle-cni-'));
  const network = new VethWiring(namespace.duplicate());
  context.after(() => {
    network[Symbol.dispose]();
    socket[Symbol.dispose]();
    rmSync(directory, { recursive: true });
  });
  prepare(socket);
  let fault: (() => Error | undefined) | undefined;
  const settle = async (endpoint: LocalEndpoint) => {
    const error = fault?.();
    fault = undefined;
    if (error !== undefined) throw error;
    if (pods.endpoints().includes(endpoint)) leadTo(socket, endpoint);
  };
  const start = (store: EndpointStore) =>
    new Pods({
      store,
      wiring: network,
      node: {
        podRanges: () => ranges.map((text) => parsePrefix(text)),
        podAnnotations: () => ({}),
        podMtuBytes: () => 1450,
        settle,
        differences: () => [],
        limits: () => [],
      },
      ipam: ipamOf(directory, cooldownMs),
      log: silentLogger,
    });
  const store = EndpointStore.open(directory, 64);
  const pods = start(store);
  return {
    namespace,
    socket,
    directory,
    store,
    pods,
    failSettle: (once) => {
      fault = once;
    },
    call: (verb, pod, changes) => call(pods, verb, pod, changes),
    restart: async () => {
      const restarted = start(EndpointStore.open(directory, 64));
      await restarted.restore();
      return restarted;
    },
  };
}

function ipamOf(directory: string, cooldownMs: number): IpamSettings {
  const file = path.join(directory, 'released-addresses');
  const excluded = [parsePrefix('10.201.1.200/30')];
  return { reserved: [], excluded, cooldown: new AddressCooldown({ file, cooldownMs }) };
}

function prepare(socket: NetlinkSocket): void {
  const ifIndex = 1 as IfIndex;
  setLink(socket, { ifIndex, up: true });
  for (const address of nodeAddresses) {
    const prefixLength = addressFamily(address) === 4 ? 32 : 128;
    addAddress(socket, { ifIndex, address, prefixLength, noDad: true });
  }
}

/** Sets the routes to an endpoint on the node's side, as the data path's tables do. */
export function leadTo(
  socket: NetlinkSocket,
  { hostIfIndex, addresses, mac }: LocalEndpoint,
): void {
  for (const address of addresses) {
    const route = { destination: hostPrefix(address), protocol: 72, table: 254 };
    replaceRoute(socket, { ...route, type: 'unicast', ifIndex: hostIfIndex });
    replaceNeighbour(socket, { ifIndex: hostIfIndex, address, mac, state: 'permanent' });
  }
}

let podsMade = 0;

export function makePod(context: TestContext): TestPod {
  podsMade++;
  const podPath = testNamespacePath();
  const namespace = NetworkNamespace.create(podPath);
  let ended = false;
  const end = () => {
    if (ended) return;
    ended = true;
    namespace[Symbol.dispose]();
    NetworkNamespace.remove(podPath);
  };
  context.after(end);
  return { containerId: `container-${podsMade}`, path: podPath, namespace, end };
}

/** One execution of the plugin, without the shim. */
export async function call(
  pods: Pods,
  verb: string,
  pod: TestPod,
  changes: Changes = {},
): Promise<PluginAnswer> {
  const environment = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: pod.containerId,
    CNI_NETNS: pod.path,
    CNI_IFNAME: 'eth0',
    CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${pod.containerId}`,
    ...changes.environment,
  };
  const configuration = { cniVersion: '1.1.0', name: 'heddle', type: 'heddle', ...changes };
  const body = joinCall({
    environment: new Map(Object.entries(environment)),
    configuration: JSON.stringify(configuration),
  });
  const { answer } = await answerCni(pods, silentLogger, body);
  return {
    exitCode: answer.exitCode,
    json: answer.body === '' ? undefined : JSON.parse(answer.body),
  };
}

/** Everything that an endpoint could leave: interfaces on the node, records, live endpoints, file descriptors. */
export function footprint({ socket, directory, pods, store }: TestNode): object {
  return {
    links: listLinks(socket).map(({ name }) => name),
    records: readdirSync(directory),
    live: pods.endpoints().length,
    addresses: [...store.addresses()],
    descriptors: readdirSync('/proc/self/fd').length,
  };
}

export function assertFails(answer: PluginAnswer, code: number, text: RegExp): void {
  assert.equal(answer.exitCode, 1, JSON.stringify(answer.json));
  assert.equal(answer.json?.['code'], code, JSON.stringify(answer.json));
  assert.match(String(answer.json['msg']), text);
}

/** Waits up to two seconds for changes that the kernel or the other end of a socket makes asynchronously. */
export async function waitUntil(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !condition(); tries++) await setTimeout(10);
  assert.ok(condition());
}
