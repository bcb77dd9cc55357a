// The current connections to Services on this node, by both ways.

import type { ServiceConnection, ServiceConnections } from '../../api/service-connections.ts';
import { InputError } from '../../base/input-error.ts';
import { namespacedName } from '../../base/namespaced-name.ts';
import { isKernelError } from '../../kernel/errno.ts';
import { NetworkNamespace } from '../../kernel/namespace.ts';
import type { AgentParts } from '../parts.ts';
import type { ConnectionQuery } from '../server/service-connections.ts';
import { frontendNames } from '../services/frontend-names.ts';
import type { ConnectionPieces, LookLimits } from './connection-filter.ts';
import { type ConnectionNames, packetConnections } from './packet-connections.ts';
import { connectedSockets, unconnectedSockets } from './remembered-sockets.ts';
import { type SocketPlace, socketConnections } from './socket-connections.ts';

/** Less than the time for which the CLI waits. */
const longestMs = 6000;

/** Throws InputError, before anything is read. What it returns rejects with KernelError. */
export function serviceConnections(
  parts: AgentParts,
  query: ConnectionQuery,
): AsyncGenerator<readonly ServiceConnection[], ServiceConnections['cut'] | undefined> {
  const { services } = parts;
  if (services === undefined) {
    const rule =
      'leaves Services to another program (kube-proxy), whose connections `conntrack -L` shows';
    throw new InputError({ object: 'services.mode', value: 'off', rule });
  }
  if (query.pod !== undefined) requirePod(parts, query.pod);
  const endMs = performance.now() + longestMs;
  const limits = { limit: query.limit, isLate: () => performance.now() > endMs };
  return bothWays(parts, services, { query, limits });
}

interface Asked {
  readonly query: ConnectionQuery;
  readonly limits: LookLimits;
}

async function* bothWays(
  parts: AgentParts,
  { proxy }: NonNullable<AgentParts['services']>,
  { query, limits }: Asked,
): ConnectionPieces {
  const { connectedSockets: connected, datagrams } = parts.datapath.maps;
  const names: ConnectionNames = {
    owner: (address) => parts.names.of(address),
    frontend: frontendNames(parts.seeServices()),
  };
  const bySocket = yield* socketConnections(
    {
      names,
      remembered: () => [
        connectedSockets(connected),
        unconnectedSockets(datagrams, (number) => proxy.backend(number)),
      ],
      places: () => socketPlaces(parts),
    },
    query,
    limits,
  );
  const byPackets = yield* packetConnections({ names }, query, limits);
  return bySocket ?? byPackets;
}

// Datagrams of pods are left to the programs at their interfaces.
function socketPlaces({ config: { node }, pods }: AgentParts): readonly SocketPlace[] {
  const ofPods = pods.endpoints().map(({ pod, namespacePath }): SocketPlace => {
    const named = pod && { pod: { namespace: pod.namespace, name: pod.name } };
    return {
      client: { kind: 'pod', node, ...named },
      protocols: ['TCP'],
      open: () => openIfThere(namespacePath),
    };
  });
  const ofNode: SocketPlace = {
    client: { kind: 'node', node },
    protocols: ['TCP', 'UDP'],
    open: () => NetworkNamespace.current(),
  };
  return [ofNode, ...ofPods];
}

// A pod that is being deleted.
function openIfThere(path: string): NetworkNamespace | undefined {
  try {
    return NetworkNamespace.open(path);
  } catch (error) {
    if (isKernelError(error, 'ENOENT') || isKernelError(error, 'EINVAL')) return undefined;
    throw error;
  }
}

function requirePod({ pods, network }: AgentParts, wanted: string): void {
  const known = network.snapshot.state.pods.get(wanted);
  if (known?.hostNetwork === true) {
    const rule = "has its node's addresses: its connections are the node's";
    throw new InputError({ object: 'pod', value: wanted, rule });
  }
  if (known !== undefined) return;
  const isHere = pods.endpoints().some(({ pod }) => pod && namespacedName(pod) === wanted);
  if (isHere) return;
  const rule = 'is not a pod of the cluster (namespace/name)';
  throw new InputError({ object: 'pod', value: wanted, rule });
}
