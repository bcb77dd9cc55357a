// Checks the node after a settle, which has already restored heddle's own entries.

import type { SettleCause } from '../api/status.ts';
import type { SettleReport } from '../reconcile/status.ts';
import type { AgentParts } from './parts.ts';

export function lookAtNode(
  { network, host, facts, config }: AgentParts,
  causes: readonly SettleCause[],
  { written }: SettleReport,
): void {
  const isOther = causes.every((cause) => cause === 'endpoint' || cause === 'cluster');
  if (network.isWaiting || (isOther && facts.views.length > 0)) return;
  const listing = written.includes('sysctls') ? host.look() : (host.latest ?? host.look());
  const nodeAddresses = network.snapshot.state.nodes.get(config.node)?.addresses;
  facts.look({ host: listing, desired: network.desired, nodeAddresses });
}
