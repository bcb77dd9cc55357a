// The compiled data path with the network of datapath-network.ts in its maps, for test runs. Loaded again for each
// test; nothing is attached and nothing is sent.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { UndoStack } from '../../src/base/undo.ts';
import {
  type DropCounter,
  type Endpoint,
  type EndpointCounters,
  type EndpointKey,
  type EventBudget,
  type Flow,
  type FlowEvent,
  type FlowKey,
  type Location,
  locationKind,
  maps,
  type ProgramName,
  programNames,
  type Route,
  type RouteKey,
  rings,
  routeKind,
  type Underlay,
} from '../../src/datapath/generated.ts';
import { readDatapathObject } from '../../src/datapath/load/loader.ts';
import type { BpfMap } from '../../src/kernel/bpf/map.ts';
import { BpfObject } from '../../src/kernel/bpf/object.ts';
import type { PerCpuMap } from '../../src/kernel/bpf/per-cpu-map.ts';
import type { BpfProgram, ProgramInfo, TestRunResult } from '../../src/kernel/bpf/program.ts';
import type { RingBuffer } from '../../src/kernel/bpf/ring-buffer.ts';
import { skBuff } from '../../src/kernel/bpf/sk-buff.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { addVeth } from '../../src/kernel/netlink/veth.ts';
import { type Address, parseAddress } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { parsePrefix, prefixAddress, prefixFamily, prefixLength } from '../../src/net/prefix.ts';
import {
  db,
  hostMac,
  hostSideMac,
  nativeMtuBytes,
  places,
  routes,
  strangerIfIndex,
  tunnelDevice,
  tunnelMtuBytes,
  tunnelPort,
  tunnelVni,
  uplink,
  web,
} from './datapath-network.ts';
import { encodeBytes } from './encode-bytes.ts';
import { runIn, testNamespace } from './namespaces.ts';
import { type IdleName, type OuterHeader, outOfTunnel, usualOuter } from './out-of-tunnel.ts';
import { type TestServiceMaps, testServiceMaps } from './service-maps.ts';
import { tagBlock, tagged, type VlanTag } from './tagged.ts';

export interface PacketRunOptions {
  readonly ifIndex: IfIndex;
  /** The interface on which the packet arrived; absent: none. */
  readonly ingressIfIndex?: IfIndex;
  readonly repeat?: number;
  readonly mark?: number;
  readonly gsoSize?: number;
  readonly gsoSegments?: number;
  /** The outer header of a packet from the tunnel; default `usualOuter`. */
  readonly outer?: OuterHeader;
  /** Tags of a frame for from_network, outermost first. */
  readonly tags?: readonly VlanTag[];
}

export interface RunResult {
  readonly verdict: number;
  readonly packet: Uint8Array;
  /** Context in the layout that `skBuff` decodes. */
  readonly context: Uint8Array;
}

export interface TestDatapath {
  run(program: ProgramName, packet: Uint8Array, options: PacketRunOptions): RunResult;
  /** Nanoseconds of one of `repeat` runs, including the code around the program (`program`). */
  time(program: ProgramName | IdleName, packet: Uint8Array, options: PacketRunOptions): number;
  readonly namespace: NetworkNamespace;
  /** The program for a test run: from_overlay inside the program that gives the packet its outer header. */
  program(name: ProgramName): BpfProgram;
  /** Info about the program itself, without anything around it. */
  info(name: ProgramName): ProgramInfo;
  readonly endpoints: BpfMap<EndpointKey, Endpoint>;
  readonly addresses: BpfMap<Address, Location>;
  readonly routes: BpfMap<RouteKey, Route>;
  readonly tableGeneration: BpfMap<number, number>;
  /** Contains no uplink: packets for the tunnel are left to its device. */
  readonly underlay: BpfMap<number, Underlay>;
  readonly flows: BpfMap<FlowKey, Flow>;
  /** Tables of Services; all are empty. */
  readonly services: TestServiceMaps;
  readonly events: RingBuffer<FlowEvent>;
  endpointCounters(id: number): EndpointCounters;
  dropCounter(reason: number): DropCounter;
  eventBudget(): Pick<EventBudget, 'suppressed' | 'lost'>;
}

export interface TestDatapathOptions {
  /** Whether the programs choose the backends of Services (default: no). */
  readonly services?: boolean;
  readonly eventsPerSecond?: number;
  /** How long flow entries count: 2 to this power, in ns (default: as long as the test runs). */
  readonly stampShift?: number;
}

/** Longer than any uptime. */
const longestStampShift = 63;

export function testDatapath(
  context: Pick<TestContext, 'after'>,
  options: TestDatapathOptions = {},
): TestDatapath {
  const namespace = testNamespace(context);
  const opened = new UndoStack();
  context.after(() => opened[Symbol.dispose]());
  addInterfaces(opened.use(NetlinkSocket.open({ namespace })));
  const object = opened.use(BpfObject.open(readDatapathObject(), { name: 'test' }));
  object.setMaxEntries('flows', 4096);
  object.setMaxEntries('frontends', 4096);
  object.setMaxEntries('slots', 131_072);
  object.setConstant('events_per_second_per_cpu', options.eventsPerSecond ?? 1_000_000);
  object.setConstant('stamp_shift', options.stampShift ?? longestStampShift);
  object.setConstant('services_on', options.services ? 1 : 0);
  object.load();
  fillMaps(object);
  const generations = opened.use(object.map(maps.tableGeneration));
  // The agent does the same when it starts: no flow is of generation 0.
  generations.set(0, 1);
  const programs = new Map<ProgramName, BpfProgram>(
    programNames.map((name) => [name, opened.use(object.program(name))]),
  );
  const loaded = (name: ProgramName): BpfProgram =>
    programs.get(name) ?? assert.fail(`no program ${name}`);
  const tunnel = outOfTunnel(loaded('from_overlay'), opened);
  const program = (name: ProgramName | IdleName): BpfProgram => {
    if (name === 'nothing' || name === 'nothing_out_of_tunnel') return tunnel.idle[name];
    return name === 'from_overlay' ? tunnel.program : loaded(name);
  };
  let tagging: BpfProgram | undefined;
  const behindTags = (): BpfProgram => {
    tagging ??= tagged(loaded('from_network'), opened);
    return tagging;
  };
  const testRun = (
    name: ProgramName | IdleName,
    packet: Uint8Array,
    { ifIndex, repeat = 1, outer = usualOuter, tags = [], ...gso }: PacketRunOptions,
  ): TestRunResult => {
    const controlBlock = tagBlock(tags);
    const context = encodeBytes(skBuff, { ifIndex, controlBlock, ...gso });
    tunnel.set(outer);
    const run = tags.length === 0 ? program(name) : behindTags();
    return namespace.run(() => run.testRun({ packet, context, repeat }));
  };
  return {
    namespace,
    program,
    info: (name) => loaded(name).info(),
    endpoints: opened.use(object.map(maps.endpoints)),
    addresses: opened.use(object.map(maps.addresses)),
    routes: opened.use(object.map(maps.routes)),
    tableGeneration: generations,
    underlay: opened.use(object.map(maps.underlay)),
    run: testRun,
    time: (name, packet, options) => testRun(name, packet, options).durationNs,
    flows: opened.use(object.map(maps.flows)),
    services: testServiceMaps(object, opened),
    events: opened.use(object.ringBuffer(rings.flowEvents)),
    ...readCounters(object, opened),
  };
}

/** Makes from_pod itself encapsulate packets for the tunnel's IPv4 end, which is the uplink's neighbour. */
export function giveExit({ namespace, underlay }: TestDatapath): void {
  runIn(namespace, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
  runIn(namespace, 'sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1');
  runIn(namespace, 'ip', 'link', 'set', `peer${uplink}`, 'up');
  runIn(namespace, 'ip', 'address', 'add', `${places.node[4]}/24`, 'dev', `test${uplink}`);
  for (const family of ['-4', '-6']) {
    runIn(namespace, 'ip', family, 'route', 'add', 'default', 'dev', `test${uplink}`);
  }
  underlay.set(0, { address: places.node[4], ifindex: uplink, port: tunnelPort });
}

function addInterfaces(socket: NetlinkSocket): void {
  for (const ifIndex of [web.ifIndex, db.ifIndex, uplink, tunnelDevice, strangerIfIndex]) {
    const peer = { name: `peer${ifIndex}` };
    const mac = ifIndex === uplink || ifIndex === tunnelDevice ? hostMac : hostSideMac;
    addVeth(socket, { name: `test${ifIndex}`, ifIndex, mac, up: true, peer });
  }
}

function fillMaps(object: BpfObject): void {
  using endpoints = object.map(maps.endpoints);
  using addresses = object.map(maps.addresses);
  using routeMap = object.map(maps.routes);
  for (const { id, ifIndex, mac, 4: ipv4, 6: ipv6 } of [web, db]) {
    endpoints.set({ ifindex: ifIndex }, { ipv4, ipv6, mac, id, queue: 0 });
    for (const address of [ipv4, ipv6]) {
      addresses.set(address, {
        kind: locationKind.endpoint,
        ifindex: ifIndex,
        endpointId: id,
        queued: 0,
      });
    }
  }
  for (const address of Object.values(places.node)) {
    addresses.set(address, { kind: locationKind.host, ifindex: 0, endpointId: 0, queued: 0 });
  }
  using underlayMap = object.map(maps.underlay);
  underlayMap.set(0, { address: places.node[4], ifindex: 0, port: tunnelPort });
  for (const [text, kind, nextHop, ifindex] of routes) {
    const mtu = kind === routeKind.overlay ? tunnelMtuBytes : nativeMtuBytes;
    const otherIfindex = [0, 0, 0] as const;
    const value = {
      ...{ kind, ifindex, nextHop: parseAddress(nextHop), mtu, vni: tunnelVni, otherIfindex },
    };
    routeMap.set(routeKeyOf(text), value);
  }
}

/** Key of a prefix in CIDR notation. */
export function routeKeyOf(text: string): RouteKey {
  const prefix = parsePrefix(text);
  const mapped = prefixFamily(prefix) === 4 ? 96 : 0;
  return { prefixLength: prefixLength(prefix) + mapped, address: prefixAddress(prefix) };
}

function readCounters(
  object: BpfObject,
  opened: UndoStack,
): Pick<TestDatapath, 'endpointCounters' | 'dropCounter' | 'eventBudget'> {
  const endpoints = opened.use(object.perCpuMap(maps.endpointCounters));
  const drops = opened.use(object.perCpuMap(maps.dropCounters));
  const budget = opened.use(object.perCpuMap(maps.eventBudget));
  return {
    endpointCounters: (id) => {
      const cpus = slots(endpoints, id);
      const direction = (index: 0 | 1) => {
        const all = cpus.map(({ traffic }) => traffic[index]);
        return {
          packets: sum(all, 'packets'),
          bytes: sum(all, 'bytes'),
          droppedPackets: sum(all, 'droppedPackets'),
        };
      };
      const share = (index: 0 | 1) => {
        const all = cpus.map(({ events }) => events[index]);
        return { windowStartNs: 0, used: 0, suppressed: sum(all, 'suppressed') };
      };
      return { traffic: [direction(0), direction(1)], events: [share(0), share(1)] };
    },
    dropCounter: (reason) => {
      const all = slots(drops, reason);
      return { packets: sum(all, 'packets'), bytes: sum(all, 'bytes') };
    },
    eventBudget: () => {
      const all = slots(budget, 0);
      return { suppressed: sum(all, 'suppressed'), lost: sum(all, 'lost') };
    },
  };
}

function slots<V>(map: PerCpuMap<number, V>, key: number): readonly V[] {
  return map.get(key) ?? [];
}

function sum<Name extends string>(
  records: readonly Readonly<Record<Name, number>>[],
  name: Name,
): number {
  return records.reduce((total, record) => total + record[name], 0);
}
