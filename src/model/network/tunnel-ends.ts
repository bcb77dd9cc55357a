// Allowed senders to this node's tunnel port: other nodes, to the addresses by which the cluster knows this one.

import { verifiedAddresses } from '../checked-node.ts';
import type { ModelConfig, TunnelEnds } from '../desired.ts';
import type { HostFacts } from '../host.ts';
import type { RangeOwners } from './pod-ranges.ts';

/** Both families, whichever this node's own tunnels use: each node chooses for its own packets. */
export function tunnelEnds(
  { mode, nodeName, vxlan }: ModelConfig,
  { nodes }: RangeOwners,
  host: HostFacts,
): TunnelEnds | undefined {
  if (mode !== 'vxlan') return undefined;
  const own = nodes.filter(({ name }) => name === nodeName);
  const others = nodes.filter(({ name }) => name !== nodeName);
  const unverified = [...new Set(others.flatMap((node) => node.unverified ?? []))].sort();
  return {
    port: vxlan.port,
    own: [...new Set(own.flatMap(({ addresses }) => addresses))].sort(),
    peers: [...new Set(others.flatMap(verifiedAddresses))].sort(),
    ...(unverified.length > 0 && { unverified }),
    uplinks: host.uplinks.map(({ name }) => name).sort(),
  };
}
