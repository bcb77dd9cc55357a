// The cost of an agent while nothing changes.

import { setTimeout as sleep } from 'node:timers/promises';
import { auditedRequests } from '../../test/kube/api/audit.ts';
import type { AgentProcess } from './agent-process.ts';
import type { Measured } from './measured.ts';
import type { Parts } from './parts.ts';

export async function atRest({
  server,
  agent,
  isQuick,
  signal,
  progress,
}: Parts): Promise<
  Pick<Measured, 'residentAtRest' | 'processorAtRest' | 'requestsAtRest' | 'watchesAtRest'>
> {
  const seconds = isQuick ? 10 : 45;
  progress(`at rest for ${seconds} s`);
  // First wait for the garbage of the start.
  await sleep(isQuick ? 2_000 : 15_000, undefined, { signal });
  const toldBefore = await toldRequests(agent);
  const auditedBefore = auditedRequests(server.folder).length;
  const pause = sleep(seconds * 1000, undefined, { signal });
  const processorAtRest = [await agent.processorPercent(pause)];
  const audited = auditedRequests(server.folder).slice(auditedBefore);
  const told = (await toldRequests(agent)) - toldBefore;
  if (told !== audited.length) {
    const seen = audited.map(({ verb, resource }) => `${verb} ${resource}`).join(', ');
    throw new Error(`the agent counts ${told} requests, the API server ${audited.length}: ${seen}`);
  }
  const perMinute = (count: number): readonly number[] => [(count * 60) / seconds];
  const watches = audited.filter(({ verb }) => verb === 'watch').length;
  return {
    processorAtRest,
    residentAtRest: [agent.residentMegabytes.now],
    requestsAtRest: perMinute(audited.length - watches),
    watchesAtRest: perMinute(watches),
  };
}

async function toldRequests(agent: AgentProcess): Promise<number> {
  const { cluster } = await agent.status();
  return (cluster.apiServer?.requests ?? []).reduce((sum, { count }) => sum + count, 0);
}
