// Reports to operators in the cluster: annotations of this node, and Events about its network and pods.

import { strayPods } from '../model/network/stray-pods.ts';
import { factProblems } from './node-facts/fact-watch.ts';
import type { AgentParts } from './parts.ts';
import { noPodRanges } from './readiness.ts';

/** Runs after each settle that concerned more than pods. */
export function reportToCluster(
  { writer, network, cniConfiguration, pods, config }: AgentParts,
  isReady: boolean,
): void {
  if (network.isWaiting) return;
  writer?.settled(network.snapshot.state, { isReady });
  writer?.nodeProblems('CniConfigurationConflict', cniConfiguration.problems);
  const strays = strayPods(config.node, network.desired, pods.endpoints());
  writer?.nodeProblems(
    'PodsOutsidePodRanges',
    strays.problems.map(({ text }) => text),
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
