// The parts of the agent for Services, connected to the kernel.

import { errorText } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { UndoStack } from '../base/undo.ts';
import type { AgentConfig } from '../config/schema.ts';
import type { Datapath } from '../datapath/load/loader.ts';
import { NftDrops } from '../datapath/nft/drops.ts';
import { type ServiceRules, serviceTableContents } from '../datapath/nft/services.ts';
import { nftTable } from '../datapath/nft/table.ts';
import { KernelLists } from '../datapath/services/kernel-lists.ts';
import { foundServices, serviceTables } from '../datapath/services/tables.ts';
import { nftCounters } from '../kernel/netfilter/nft-counters.ts';
import { Nftables } from '../kernel/netfilter/nftables.ts';
import { NetlinkSocket } from '../kernel/netlink/socket.ts';
import type { DesiredState } from '../model/desired.ts';
import { serviceTableName } from '../model/ids.ts';
import { ServicePlan } from '../model/services/plan/plan.ts';
import { ServicesModel } from '../model/services/services.ts';
import { Reconciler } from '../reconcile/reconciler.ts';
import { trackTable } from '../reconcile/tracked-table.ts';
import { addedPorts } from './added-ports.ts';
import type { Journal } from './journal.ts';
import type { NodePlan } from './node-plan.ts';
import { DatagramWalks } from './services/datagram-walks.ts';
import { NodePortCare } from './services/node-port-care.ts';
import { reservePorts } from './services/reserved-ports.ts';
import { type SeenServices, serviceLook } from './services/seen.ts';
import { ServiceHealthPorts } from './services/service-health-ports.ts';
import {
  ServiceProxy,
  type ServiceProxyOptions,
  type ServiceState,
} from './services/service-proxy.ts';
import { ServiceSyncs } from './services/service-syncs.ts';
import { staleDatagrams, staleSockets } from './services/stale-datagrams.ts';
import { destroyStaleSockets } from './services/stale-sockets.ts';

export interface ServicePartsOptions {
  readonly datapath: Datapath;
  readonly network: NodePlan;
  readonly log: Logger;
  readonly journal: Pick<Journal, 'error' | 'restored'>;
  readonly owned: UndoStack;
}

export interface ServiceParts {
  readonly proxy: ServiceProxy;
  /** Runs from the agent's start. */
  readonly health: ServiceHealthPorts;
  readonly nodePorts: NodePortCare;
  readonly syncs: ServiceSyncs;
  /** Services with a limit reached, by name. */
  readonly limited: () => number;
  /** Drops by the rules of Services. */
  readonly drops: NftDrops;
}

/** Throws KernelError. */
export function servicesOf(
  config: AgentConfig,
  options: ServicePartsOptions,
): {
  readonly seeServices: () => SeenServices;
  readonly services: ServiceParts | undefined;
} {
  const { network } = options;
  const seeServices = serviceLook(new ServicesModel(config.node), {
    cluster: () => network.snapshot.state,
    nodes: () => network.desired.nodes,
    occupied: () => network.host.occupied,
    own: () => network.desired.hostAddresses,
    nodePorts: () => network.desired.nodePortAddresses ?? network.desired.hostAddresses,
  });
  return { seeServices, services: serviceParts(config, seeServices, options) };
}

/** Undefined: Services are somebody else's, and what an earlier agent wrote for them is removed. Throws KernelError. */
function serviceParts(
  config: AgentConfig,
  see: () => SeenServices,
  options: ServicePartsOptions,
): ServiceParts | undefined {
  const { network, log, journal, owned } = options;
  const { services, reconcilePeriodMs: periodMs } = config;
  const { healthAddress, nodePortRange, mode } = services;
  const added = addedPorts(config);
  if (mode !== 'on') {
    removeServiceTable(log);
    const refusal = reservePorts(undefined, added);
    if (refusal !== undefined) log.error({}, refusal);
    return undefined;
  }
  const drops = serviceDrops(owned);
  const walks = owned.use(
    new DatagramWalks({
      judge: () => {
        const { tables, context } = see();
        return staleDatagrams(tables, context);
      },
      destroySockets: () => {
        const { tables, context } = see();
        const isStale = staleSockets(tables, context);
        return destroyStaleSockets({
          connected: () => options.datapath.maps.connectedSockets.entries(),
          isStale,
        });
      },
      log,
      onError: (text) => journal.error({ kind: 'connections', text }),
    }),
  );
  const health = new ServiceHealthPorts({
    address: healthAddress === 'none' ? undefined : healthAddress,
    timeoutMs: 2 * periodMs,
    // They are shown when they are asked for, and the next settle of the network logs them.
    onProblems: () => undefined,
    log,
  });
  const syncs = new ServiceSyncs();
  const writers = writersOf(config, options, drops);
  const proxy = owned.use(
    new ServiceProxy({
      ...writers,
      ...{ see, health, syncs, periodMs, log },
      rules: () => rulesOf(network.desired),
      completeness: () => {
        if (network.isWaiting) return undefined;
        return network.snapshot.complete ? 'complete' : 'partial';
      },
      onDatagramsChanged: () => walks.request(),
    }),
  );
  const nodePorts = new NodePortCare({ range: nodePortRange, added, periodMs });
  const limited = (): number => writers.plan.problems.size;
  return { proxy, health, nodePorts, syncs, limited, drops };
}

function serviceDrops(owned: UndoStack): NftDrops {
  const socket = owned.use(NetlinkSocket.open({ family: 'netfilter' }));
  return new NftDrops(owned.use(Nftables.open()), () => nftCounters(socket, serviceTableName));
}

// The rules come first and go last: a backend's number must lead somewhere while a list has it.
function writersOf(
  {
    services: { slotEntries: slots, backendsPerPort: perPort, lookupTables: mostLookups },
  }: AgentConfig,
  { datapath: { maps }, journal }: ServicePartsOptions,
  drops: NftDrops,
): Pick<ServiceProxyOptions, 'plan' | 'reconciler'> {
  const kernelLists = new KernelLists();
  const table = nftTable(drops, { name: 'service-translation', table: serviceTableName });
  const tables = [
    trackTable(table, serviceTableContents()),
    ...serviceTables({ maps, kernelLists }),
  ];
  const reconciler = new Reconciler<ServiceState>(tables, {
    onRestored: (restored) => journal.restored(restored),
  });
  const plan = new ServicePlan({
    found: foundServices(maps),
    isInKernel: (list) => kernelLists.isUsed(list),
    now: () => performance.now(),
    slotLimits: { slots, perPort },
    mostLookups,
  });
  return { plan, reconciler };
}

function rulesOf({ nodeName, nodes, overlay }: DesiredState): ServiceRules {
  const tunnel = overlay === undefined ? undefined : { name: overlay.name, port: overlay.port };
  return { nodeAddresses: nodes.get(nodeName)?.addresses ?? [], tunnel };
}

/** Removes what an agent that translated Services has left. */
function removeServiceTable(log: Logger): void {
  try {
    using nft = Nftables.open();
    if (nft.deleteTable('inet', serviceTableName)) log.info({}, 'removed the rules of Services');
  } catch (error) {
    log.error({ error }, `the rules of Services cannot be removed: ${errorText(error)}`);
  }
}
