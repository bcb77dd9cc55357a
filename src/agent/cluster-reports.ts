// What operators can read in the cluster itself: this node's annotations, and Events about its network and its pods.

import { strayPods } from '../model/network/stray-pods.ts';
import { factProblems } from './node-facts/fact-watch.ts';
import type { AgentParts } from './parts.ts';
import { noPodRanges } from './readiness.ts';

/** After each settle that was about more than pods. */
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

/** Problems that often pass within a second: reported when they are still there after a period. */
export function reportWhatLasts({ writer, network, facts }: AgentParts): void {
  const { state } = network.snapshot;
  writer?.podProblems(state.pods.values());
  const missing = network.isWaiting ? undefined : noPodRanges(network.desired);
  writer?.nodeProblems('PodNetworkFault', factProblems(facts.views));
  writer?.nodeProblems('NoPodRanges', missing === undefined ? [] : [missing]);
}
