// The parts of the agent, for code that shows or uses several of them.

import type { Logger } from '../base/log.ts';
import type { AgentConfig } from '../config/schema.ts';
import type { Datapath } from '../datapath/load/loader.ts';
import type { DesiredState } from '../model/desired.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import type { Bandwidth } from '../net/bandwidth.ts';
import type { FlowNames } from '../observe/flow-names.ts';
import type { Observer } from '../observe/observer.ts';
import type { KnownPods } from '../pods/known-pods.ts';
import type { Pods } from '../pods/pods.ts';
import type { Reconciler } from '../reconcile/reconciler.ts';
import type { ApiServerWay } from './cluster/api-server-way.ts';
import type { ClusterParts } from './cluster/source.ts';
import type { CniConfiguration } from './cni-configuration.ts';
import type { StaleConnections } from './connections/stale-connections.ts';
import type { DatapathApplier } from './datapath-applier.ts';
import type { HostLooks } from './host/looks.ts';
import type { Journal } from './journal.ts';
import type { ServiceChoice } from './kube-proxy/service-choice.ts';
import type { KubeProxyWatch } from './kube-proxy/watch.ts';
import type { FactWatch } from './node-facts/fact-watch.ts';
import type { NodePlan } from './node-plan.ts';
import type { OwnProblems } from './own-problems.ts';
import type { ServiceParts } from './service-parts.ts';
import type { SeenServices } from './services/seen.ts';
import type { KeptSysctlMemory } from './sysctl-memory.ts';

export interface AgentParts extends ClusterParts {
  readonly config: AgentConfig;
  readonly log: Logger;
  readonly datapath: Datapath;
  readonly reconciler: Reconciler<DesiredState>;
  /** Absent without an API server. */
  readonly apiServerWay: ApiServerWay | undefined;
  readonly network: NodePlan;
  readonly applier: DatapathApplier;
  /** Receives each snapshot. */
  readonly knownPods: KnownPods;
  readonly pods: Pods;
  /** Follows the snapshot when it is called. */
  readonly seeServices: () => SeenServices;
  /** Absent: Services are somebody else's. */
  readonly services: ServiceParts | undefined;
  /** Absent: whether kube-proxy is here does not matter. */
  readonly kubeProxy: KubeProxyWatch | undefined;
  readonly serviceChoice: ServiceChoice;
  readonly observer: Observer;
  readonly names: FlowNames;
  readonly journal: Journal;
  readonly connections: StaleConnections;
  readonly cniConfiguration: CniConfiguration;
  readonly ownProblems: OwnProblems;
  readonly host: HostLooks;
  readonly facts: FactWatch;
  readonly sysctlsBefore: KeptSysctlMemory;
  /** See `EndpointView.queueDroppedPackets`. */
  queueDrops(endpoint: LocalEndpoint): number | undefined;
  /** See `EndpointView.bandwidth`. */
  limitsInForce(endpoint: LocalEndpoint): Bandwidth | undefined;
}
