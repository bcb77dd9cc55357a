// The cost of the agents in a real cluster: processor time, memory and requests, with no pods of ours and with a
// hundred.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Bar, ExperimentOptions, Figure } from '../experiment.ts';
import { series } from '../statistics.ts';
import { NodeAgent } from './node-agent.ts';
import type { PodLoad } from './pod-load.ts';

export const costGroup = 'agents in a cluster of two nodes';
const pods = 100;
const restRequests = 'requests at rest, without watches';

/** At rest, only watches cause requests. */
export const costBars: readonly Bar[] = [
  { group: costGroup, arm: 'heddle', metric: restRequests, of: 'value', limit: 0 },
];

/** Values at rest are per node. Values per pod are for all nodes together. */
export async function agentCosts(
  load: PodLoad,
  { quick, signal, progress }: ExperimentOptions,
): Promise<readonly Figure[]> {
  const seconds = quick ? 12 : 60;
  const agents = load.cluster.record.nodes.map(({ name }) => new NodeAgent(load.cluster, name));
  progress(`agents: at rest for ${seconds} s`);
  const without = await rest(agents, seconds, signal);
  progress(`agents: while ${pods} pods start`);
  const before = await tallies(agents);
  await load.fill(pods, signal);
  const perPod = sum(differences(before, await tallies(agents)));
  progress(`agents: with ${pods} pods for ${seconds} s`);
  const withPods = await rest(agents, seconds, signal);
  await load.empty(signal);
  const all = [...without, ...withPods];
  return [
    figure('processor time, no pods', '%', without.map(percent)),
    figure(`processor time, ${pods} pods`, '%', withPods.map(percent)),
    figure(
      'resident memory, no pods',
      'MB',
      without.map(({ megabytes }) => megabytes),
    ),
    figure(
      `resident memory, ${pods} pods`,
      'MB',
      withPods.map(({ megabytes }) => megabytes),
    ),
    figure('processor time per created pod', 'ms', [(perPod.processorSeconds * 1000) / pods]),
    figure('requests per created pod, without watches', 'requests', [perPod.others / pods]),
    figure(
      restRequests,
      '/min',
      all.map(({ others }) => others * (60 / seconds)),
    ),
    figure(
      'watches started at rest',
      '/min',
      all.map(({ watches }) => watches * (60 / seconds)),
    ),
  ];
}

interface Tally {
  readonly processorSeconds: number;
  readonly watches: number;
  readonly others: number;
}

interface Rest extends Tally {
  readonly seconds: number;
  readonly megabytes: number;
}

function percent({ processorSeconds, seconds }: Rest): number {
  return (processorSeconds / seconds) * 100;
}

async function rest(
  agents: readonly NodeAgent[],
  seconds: number,
  signal: AbortSignal,
): Promise<readonly Rest[]> {
  // Wait until earlier work is finished.
  await sleep(3000, undefined, { signal });
  const before = await tallies(agents);
  await sleep(seconds * 1000, undefined, { signal });
  const spent = differences(before, await tallies(agents));
  return agents.map(({ residentMegabytes }, index) => ({
    ...(spent[index] ?? nothing),
    seconds,
    megabytes: residentMegabytes,
  }));
}

const nothing: Tally = { processorSeconds: 0, watches: 0, others: 0 };

function tallies(agents: readonly NodeAgent[]): Promise<readonly Tally[]> {
  return Promise.all(
    agents.map(async (agent) => {
      // Reading the counts takes processor time, too, so it happens outside the measured interval.
      const { processorSeconds } = agent;
      return { processorSeconds, ...(await agent.requests()) };
    }),
  );
}

function differences(before: readonly Tally[], after: readonly Tally[]): readonly Tally[] {
  return after.map((now, index) => {
    const then = before[index] ?? nothing;
    return {
      processorSeconds: now.processorSeconds - then.processorSeconds,
      watches: now.watches - then.watches,
      others: now.others - then.others,
    };
  });
}

function sum(all: readonly Tally[]): Tally {
  return all.reduce((total, each) => ({
    processorSeconds: total.processorSeconds + each.processorSeconds,
    watches: total.watches + each.watches,
    others: total.others + each.others,
  }));
}

function figure(metric: string, unit: string, values: readonly number[]): Figure {
  return { group: costGroup, arm: 'heddle', metric, unit, values: series(values), better: 'lower' };
}
