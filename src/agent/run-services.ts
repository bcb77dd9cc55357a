// Services while the agent runs: their rules are watched, their health ports served.

import { serviceTableName } from '../model/ids.ts';
import type { AgentParts } from './parts.ts';
import { RulesWatch } from './rules-watch.ts';
import { isEligibleNode } from './services/proxy-health.ts';
import type { ServiceSync } from './services/service-syncs.ts';

export interface RunServicesOptions {
  readonly signal: AbortSignal;
  /** Called after each settle of Services; `sync` is absent if it wrote nothing. */
  onSettled(sync: ServiceSync | undefined): void;
}

/** Runs until the signal aborts; ends immediately if Services are another program's. */
export async function runServices(parts: AgentParts, options: RunServicesOptions): Promise<void> {
  await Promise.all([parts.kubeProxy?.run(options.signal), translate(parts, options)]);
}

async function translate(
  { services, seeServices, network, config }: AgentParts,
  { signal, onSettled }: RunServicesOptions,
): Promise<void> {
  if (services === undefined) return;
  const { proxy, health, nodePorts, syncs } = services;
  const onChange = (): void => proxy.relist();
  using rules = new RulesWatch({ table: serviceTableName, signal, onChange });
  proxy.onSettled(() => {
    rules.accept();
    const { complete, state } = network.snapshot;
    const isEligible = !complete || isEligibleNode(state.nodes.get(config.node));
    nodePorts.look(seeServices().tables);
    health.setNode({ isEligible, problem: proxy.problem });
    onSettled(syncs.take());
  });
  await Promise.all([rules.run(), health.run(signal)]);
}
