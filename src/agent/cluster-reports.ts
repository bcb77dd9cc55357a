// Reports to operators in the cluster: annotations of this node, and Events about its network and pods.

import { factProblems } from './node-facts/fact-watch.ts';
import type { AgentParts } from './parts.ts';
import { noPodRanges } from './readiness.ts';

/** Runs after each settle that concerned more than pods. */
export function reportToCluster(
  { writer, network, cniConfiguration }: AgentParts,
  isReady: boolean,
): void {
  if (network.isWaiting) return;
  writer?.settled(network.snapshot.state, { isReady });
  writer?.nodeProblems('CniConfigurationConflict', cniConfiguration.problems);
  writer?.nodeProblems(
    'PodsOutsidePodRanges',
    network.desired.strayProblems.map(({ text }) => text),
  );
}

/** Problems that often end within a second are reported only if they still exist after a period. */
export function reportWhatLasts({ writer, network, facts }: AgentParts): void {
  const { state } = network.snapshot;
  writer?.podProblems(state.pods.values());
  const missing = network.isWaiting ? undefined : noPodRanges(network.desired);
  writer?.nodeProblems(
    'PodNetworkFault',
    factProblems(facts.views).map(({ text }) => text),
  );
  writer?.nodeProblems('NoPodRanges', missing === undefined ? [] : [missing]);
}
