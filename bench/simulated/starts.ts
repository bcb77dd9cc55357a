// The time from the start of an agent's process until it is ready: everything is read and every entry is in the kernel.

import { maps } from '../../src/datapath/generated.ts';
import { describePins } from '../../src/datapath/load/pins.ts';
import { BpfMap } from '../../src/kernel/bpf/map.ts';
import { auditedRequests } from '../../test/kube/api/audit.ts';
import type { Measured } from './measured.ts';
import type { Parts } from './parts.ts';
import { nodeCount } from './population.ts';

/** Starts on a node without anything of an agent. The last agent keeps running. */
export async function coldStarts(
  parts: Parts,
  rounds: number,
): Promise<Pick<Measured, 'coldSync' | 'read' | 'residentAtMost'>> {
  const { server, agent, progress } = parts;
  const coldSync: number[] = [];
  const read: number[] = [];
  const residentAtMost: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    if (round > 1) {
      await agent.stop();
      agent.uninstall();
    }
    const before = round === 1 ? 0 : auditedRequests(server.folder).length;
    const seconds = await started(parts);
    progress(`cold start ${round} of ${rounds}: ready after ${seconds.toFixed(1)} s`);
    coldSync.push(seconds);
    read.push(await secondsOfLists(parts, before));
    residentAtMost.push(agent.residentMegabytes.atMost);
  }
  return { coldSync, read, residentAtMost };
}

/** Starts on a node where an agent has run: its objects are adopted. */
export async function restarts(parts: Parts, rounds: number): Promise<Pick<Measured, 'restart'>> {
  const restart: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    parts.progress(`restart ${round} of ${rounds}`);
    await parts.agent.stop();
    restart.push(await started(parts));
  }
  return { restart };
}

// A ready agent without all routes would make the figure meaningless.
async function started({ agent, pinDir, signal }: Parts): Promise<number> {
  const seconds = await agent.start(signal);
  using routes = BpfMap.openPinned(describePins(pinDir).map('routes'), maps.routes);
  const count = routes.count();
  // One route per address family.
  if (count !== 2 * nodeCount) throw new Error(`the agent is ready with ${count} routes`);
  return seconds;
}

// From the first request, in the API server's log, to the last list, which the agent reports.
async function secondsOfLists({ server, agent }: Parts, requestsBefore: number): Promise<number> {
  const { cluster } = await agent.status();
  const lists = (cluster.apiServer?.resources ?? []).flatMap(({ listedAt }) =>
    listedAt === undefined ? [] : [Date.parse(listedAt)],
  );
  const first = auditedRequests(server.folder)[requestsBefore]?.receivedAt.getTime() ?? 0;
  return (Math.max(...lists) - first) / 1000;
}
