// The cost of the agent itself for a node: time from process start to ready, and resident memory.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bar, Experiment, ExperimentOptions, Figure } from './experiment.ts';
import { HeddleLab } from './heddle-lab.ts';
import { series } from './statistics.ts';

const group = 'agent (two of them start at the same time)';
const coldStart = { group, arm: 'heddle', metric: 'cold start to ready', unit: 's' } as const;
const memory = { group, arm: 'heddle', metric: 'resident memory', unit: 'MB' } as const;

const bars: readonly Bar[] = [
  { group, arm: 'heddle', metric: coldStart.metric, of: 'value', limit: 2 },
  { group, arm: 'heddle', metric: memory.metric, of: 'value', limit: 120 },
];

export const agentExperiment: Experiment = {
  name: 'agent',
  summary: 'start-up time and memory of the agent',
  bars,
  run: runAgents,
};

async function runAgents({
  quick,
  signal,
  progress,
}: ExperimentOptions): Promise<readonly Figure[]> {
  const starts: number[] = [];
  const megabytes: number[] = [];
  const rounds = quick ? 1 : 5;
  for (let round = 1; round <= rounds; round++) {
    signal.throwIfAborted();
    progress(`agent: round ${round} of ${rounds}`);
    await using lab = await HeddleLab.up(`bench-agent-${round}`, 'native', progress);
    // Memory settles once the first collections have run.
    await sleep(quick ? 1000 : 10_000, undefined, { signal });
    for (const { agent } of lab.record.nodes) {
      if (agent.pid === undefined || agent.readyAfterMs === undefined) {
        throw new Error('an agent of the lab is not running');
      }
      starts.push(agent.readyAfterMs / 1000);
      megabytes.push(residentMegabytes(agent.pid));
    }
  }
  return [
    { ...coldStart, values: series(starts), better: 'lower' },
    { ...memory, values: series(megabytes), better: 'lower' },
  ];
}

/** VmRSS of proc(5), in 10^6 bytes. */
function residentMegabytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (match === null) throw new Error(`process ${pid} has no VmRSS`);
  return (Number(match[1]) * 1024) / 1e6;
}
