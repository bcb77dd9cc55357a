// Creates the parts of the agent and connects them. Nothing runs yet.

import { getServers } from 'node:dns';
import { join } from 'node:path';
import type { Logger } from '../base/log.ts';
import type { UndoStack } from '../base/undo.ts';
import { emptyClusterState } from '../cluster/state.ts';
import type { AgentConfig } from '../config/schema.ts';
import { EarlierTcx } from '../datapath/attach/earlier-tcx.ts';
import { LinkAttacher } from '../datapath/attach/links.ts';
import { attachByHook, BlockAttacher } from '../datapath/attach/pod-blocks.ts';
import type { ProgramName } from '../datapath/generated.ts';
import { hookPoints } from '../datapath/hooks.ts';
import type { Datapath } from '../datapath/load/loader.ts';
import { beginGeneration } from '../datapath/maps/generation.ts';
import type { NftDrop, NftDrops } from '../datapath/nft/drops.ts';
import { matchesSockets } from '../datapath/nft/local-sources.ts';
import { datapathTables, endpointEntryKeys } from '../datapath/tables.ts';
import type { BpfProgram } from '../kernel/bpf/program.ts';
import { Nftables } from '../kernel/netfilter/nftables.ts';
import { openIpsec } from '../kernel/netlink/ipsec.ts';
import { NetlinkSocket } from '../kernel/netlink/socket.ts';
import type { DesiredState } from '../model/desired.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import { nftKey } from '../model/ids.ts';
import { FlowNames } from '../observe/flow-names.ts';
import { Observer } from '../observe/observer.ts';
import type { QueueDropSources } from '../observe/queue-drop-counts.ts';
import { TrafficCounts } from '../observe/traffic-counts.ts';
import type { PodHost } from '../pods/host.ts';
import { limitsInForce, queueDrops } from '../pods/interface/shaping.ts';
import { VethWiring } from '../pods/interface/veth-wiring.ts';
import { kernelProbe } from '../pods/kernel-probe.ts';
import { KnownPods } from '../pods/known-pods.ts';
import { Pods } from '../pods/pods.ts';
import { recoverRecord } from '../pods/records/recovery.ts';
import { Reconciler } from '../reconcile/reconciler.ts';
import { ApiServerWay, ownRoutes } from './cluster/api-server-way.ts';
import { type ClusterParts, clusterParts } from './cluster/source.ts';
import {
  cniConfiguration,
  ipamSettings,
  loadConfigured,
  modelConfig,
  openStore,
  ownPorts,
} from './configured.ts';
import type { StaleConnections } from './connections/stale-connections.ts';
import { DatapathApplier } from './datapath-applier.ts';
import { flowFrontends } from './flow-frontends.ts';
import { hostLister } from './host/facts.ts';
import { HostLooks } from './host/looks.ts';
import { Journal } from './journal.ts';
import { kubeProxyWatch } from './kube-proxy/node-watch.ts';
import type { ServiceChoice } from './kube-proxy/service-choice.ts';
import { nftDrops, staleConnections } from './nat-parts.ts';
import { factWatch } from './node-facts/agent-facts.ts';
import { NodePlan } from './node-plan.ts';
import { OwnProblems } from './own-problems.ts';
import type { AgentParts } from './parts.ts';
import { waitingFor } from './readiness.ts';
import { type ServiceParts, servicesOf } from './service-parts.ts';
import type { SeenServices } from './services/seen.ts';
import { type KeptSysctlMemory, sysctlMemory } from './sysctl-memory.ts';

export interface AssembleOptions {
  readonly config: AgentConfig;
  readonly log: Logger;
  /** Receives everything that must be disposed of at the end. */
  readonly owned: UndoStack;
  readonly choice: ServiceChoice;
}

/** Loads or adopts the data path. Throws the errors of `loadDatapath`. */
export function assembleAgent({ config, log, owned, choice }: AssembleOptions): AgentParts {
  const datapath = owned.use(loadConfigured(config));
  begin(datapath, log);
  const socket = owned.use(NetlinkSocket.open());
  const journal = new Journal(log);
  const nft = owned.use(Nftables.open());
  const connections = owned.use(staleConnections(datapath, { log, journal }));
  const host = new HostLooks(hostLister(socket, owned.use(openIpsec())));
  const drops = nftDrops(nft, owned);
  const sysctlsBefore = sysctlMemory(join(config.stateDir, 'sysctls.json'));
  const written = { datapath, socket, journal, connections, nft: drops };
  const reconciler = reconcilerOf({ ...written, host, sysctlsBefore });
  const model = { ...modelConfig(config), matchesSockets: matchesSockets(nft) };
  const cluster = clusterParts(config.cluster, { model, owned, routes: ownRoutes(socket) });
  const { kubernetes } = cluster;
  const apiServerWay = apiServerWayOf({ cluster, socket, log, journal }, () => network.isWaiting);
  const network: NodePlan = new NodePlan({
    model,
    apiServers: () => apiServerWay?.addresses ?? [],
    uplinks: config.uplinks,
    waitsForCluster: kubernetes !== undefined,
    listHost: () => host.look(),
    endpoints: () => pods.live,
    unclaimed: (links) => pods.findUnclaimed(links),
    ...{ reconciler, log },
  });
  const traffic = new TrafficCounts(datapath.maps.endpointCounters);
  const after = { traffic, connections, log, journal, periodMs: config.reconcilePeriodMs };
  const applier = new DatapathApplier({ plan: network, ...after });
  const truth = kernelProbe({ socket, maps: datapath.maps });
  const knownPods = knownPodsOf(network, cluster);
  const pods: Pods = new Pods({
    store: openStore(config, truth),
    kernel: { ...truth, recover: (name, text) => recoverRecord(truth, name, text) },
    wiring: owned.use(vethWiring(host)),
    node: podHost({ network, knownPods, kubernetes, reconciler, applier, host }),
    ipam: ipamSettings(config),
    ownPorts: ownPorts(config),
    log,
  });
  const services = servicesOf(config, { datapath, network, log, journal, owned });
  return {
    ...{ config, log, datapath, reconciler, apiServerWay, sysctlsBefore },
    ...cluster,
    ...{ network, applier, knownPods, pods, journal, connections, host },
    cniConfiguration: cniConfiguration(config, log, pods),
    ...{ ownProblems: new OwnProblems(), ...services, serviceChoice: choice },
    kubeProxy: kubeProxyWatch(choice, { owned, periodMs: config.reconcilePeriodMs }),
    facts: factWatch({ socket, nft: owned.use(Nftables.open()), datapath, config, log }),
    ...observation(config, { datapath, socket, pods, drops, traffic, ...services }),
    limitsInForce: (endpoint) => limitsInForce(socket, endpoint),
  };
}

function knownPodsOf(network: NodePlan, { source, kubernetes }: ClusterParts): KnownPods {
  return new KnownPods({
    pods: () => network.snapshot.state.pods,
    reread: source.reread,
    look: kubernetes && ((pod) => kubernetes.lookForPod(pod)),
  });
}

function vethWiring(host: HostLooks): VethWiring {
  return new VethWiring(undefined, {
    removeLater: true,
    onMade: (link) => host.noticeMade(link),
  });
}

interface PodHostParts {
  readonly network: NodePlan;
  readonly knownPods: KnownPods;
  readonly kubernetes: ClusterParts['kubernetes'];
  readonly reconciler: Reconciler<DesiredState>;
  readonly applier: DatapathApplier;
  readonly host: HostLooks;
}

function podHost(parts: PodHostParts): PodHost {
  const { network, knownPods, kubernetes, reconciler, applier, host } = parts;
  return {
    podRanges: () => network.desired.podRanges.map(({ prefix }) => prefix),
    podAnnotations: (pod) => knownPods.annotations(pod),
    podMtuBytes: () => (isCutOff(network) ? undefined : network.desired.podMtuBytes),
    waitingFor: () => waitingFor({ kubernetes, network }),
    settle: (endpoint, isServed) => applier.settleEndpoint(endpoint, isServed),
    differences: (endpoint) => {
      // Kernel parameters of interfaces are compared with the latest listing of the host.
      host.look();
      return reconciler.inspect(endpointEntryKeys(endpoint));
    },
    limits: () => connectivityLimits(network, reconciler),
  };
}

interface WayParts {
  readonly cluster: ClusterParts;
  readonly socket: NetlinkSocket;
  readonly log: Logger;
  readonly journal: Journal;
}

function apiServerWayOf(
  { cluster, socket, log, journal }: WayParts,
  isWaiting: () => boolean,
): ApiServerWay | undefined {
  const { apiServers } = cluster;
  if (apiServers === undefined) return undefined;
  return new ApiServerWay({
    servers: apiServers,
    nameServers: getServers,
    routes: ownRoutes(socket),
    isWaiting,
    onRemoved: (text) => {
      log.warn({}, text);
      journal.error({ kind: 'api-server-way', text });
    },
    log,
  });
}

interface ObservationParts extends Pick<ReconcilerParts, 'datapath' | 'socket'> {
  readonly pods: Pods;
  readonly drops: NftDrops;
  readonly traffic: TrafficCounts;
  readonly services: ServiceParts | undefined;
  readonly seeServices: () => SeenServices;
}

function observation(
  config: AgentConfig,
  { datapath, socket, pods, drops, traffic, services, seeServices }: ObservationParts,
): Pick<AgentParts, 'observer' | 'names' | 'queueDrops'> {
  const names = new FlowNames({
    node: config.node,
    cluster: emptyClusterState,
    endpoints: pods.live,
  });
  const queues = queueDropSources(socket, () => pods.endpoints());
  const ruleDrops = (): readonly NftDrop[] => [
    ...drops.byReason(),
    ...(services?.drops.byReason() ?? []),
  ];
  const { maps } = datapath;
  const observer = new Observer({
    ...{ maps, names, queues, traffic, ruleDrops },
    frontends: () => flowFrontends(seeServices()),
  });
  return { observer, names, queueDrops: queues.drops };
}

function begin({ objectHash, adopted, loadMs, replaced, maps }: Datapath, log: Logger): void {
  // The previous agent may have died between a change and the increment of its generation.
  beginGeneration(maps.tableGeneration);
  for (const text of replaced) log.info({}, `map replaced: ${text}`);
  log.info({ objectHash, adopted, loadMs }, adopted ? 'data path adopted' : 'data path loaded');
}

function queueDropSources(
  socket: NetlinkSocket,
  endpoints: () => readonly LocalEndpoint[],
): QueueDropSources {
  return { endpoints, drops: (endpoint) => queueDrops(socket, endpoint) };
}

// The cluster has other nodes, but this one has no way to reach them, nor an MTU for such packets. A node that is the
// whole cluster needs no uplink.
function isCutOff({ snapshot, desired }: NodePlan): boolean {
  return desired.uplinks.length === 0 && snapshot.state.nodes.size > 1;
}

// Without an uplink no pod reaches another node. An entry that could not be applied is missing from the data path.
function connectivityLimits(
  network: NodePlan,
  reconciler: Reconciler<DesiredState>,
): readonly string[] {
  const failures = reconciler
    .status()
    .flatMap((table) => table.failures.map(({ text }) => `${table.name}: ${text}`));
  return isCutOff(network) ? ['there is no uplink', ...failures] : failures;
}

interface ReconcilerParts {
  readonly datapath: Datapath;
  readonly socket: NetlinkSocket;
  readonly journal: Journal;
  readonly connections: StaleConnections;
  readonly nft: NftDrops;
  readonly host: HostLooks;
  readonly sysctlsBefore: KeptSysctlMemory;
}

function reconcilerOf(parts: ReconcilerParts): Reconciler<DesiredState> {
  const { datapath, socket, journal, connections, nft, host, sysctlsBefore } = parts;
  const program = (hook: ProgramName): BpfProgram => datapath.program(hook);
  const { links: folder } = datapath.paths;
  const filters = new BlockAttacher({ socket, program });
  const tables = datapathTables({
    socket,
    maps: datapath.maps,
    nft,
    attacher: attachByHook({
      pods: new EarlierTcx({ filters, folder, program }),
      links: new LinkAttacher({ folder, hooks: hookPoints, program }),
    }),
    sysctlMemory: sysctlsBefore,
    settingsByLink: (ifIndex) => host.settings(ifIndex),
    madeSettings: host.madeSettings,
    hasQueues: () => host.hasQueues,
  });
  return new Reconciler(tables, {
    onRestored: (restored) => {
      journal.restored(restored);
      if (restored.table !== 'nft') return;
      // A table without one of its chains or elements has other contents.
      connections.noticeRestored(restored.key === nftKey ? restored.was : 'changed');
    },
  });
}
