// Measures how much longer 20 concurrent ADDs take while 20 other pods are deleted: the kernel deletes interfaces with
// the RTNL lock held, which every ADD needs.

import { setTimeout as sleep } from 'node:timers/promises';
import { NetworkNamespace } from '../src/kernel/namespace.ts';
import { listLinks, setLink } from '../src/kernel/netlink/link.ts';
import { NetlinkSocket } from '../src/kernel/netlink/socket.ts';
import { isDoomedName } from '../src/pods/interface/names.ts';
import type { Bar, ExperimentOptions, Figure } from './experiment.ts';
import { compare, type Metric } from './interleave.ts';
import {
  type BenchPod,
  callAtOnce,
  interfaceCount,
  type Plugin,
  untilDeleted,
} from './load/cni-calls.ts';
import type { BenchPods } from './pods.ts';

export const churn = 'ADDs while pods are deleted (ratio to at rest)';

const atRest = { name: 'heddle, at rest' } as const;
const deleting = { name: 'heddle, 20 pods deleted' } as const;
const addAll: Metric = { name: '20 parallel ADDs', unit: 'ms', better: 'lower' };
/** The interface group of interfaces that the bench deletes. */
const ownGroup = 0x6264;
const some = 20;

export const churnBars: readonly Bar[] = [
  { group: churn, arm: deleting.name, metric: addAll.name, of: 'ratio', limit: 1.2 },
];

export function compareChurn(
  plugin: Plugin,
  { pods, options }: { readonly pods: BenchPods; readonly options: ExperimentOptions },
): Promise<readonly Figure[]> {
  const { quick, signal, progress } = options;
  const all = pods.atLeast(2 * some);
  const [coming, going] = [all.slice(0, some), all.slice(some, 2 * some)];
  return compare<{ readonly name: string }>({
    group: churn,
    arms: [atRest, deleting],
    rounds: quick ? 1 : 6,
    signal,
    progress,
    measures: [
      async (arm) => {
        const before = interfaceCount(plugin);
        const deletion = await leave(plugin, going, arm === deleting);
        if (deletion === undefined) await untilDeleted(plugin, before);
        const added = await callAtOnce(plugin, 'ADD', coming, deletion);
        await callAtOnce(plugin, 'DEL', coming);
        await untilDeleted(plugin, before);
        return new Map([[addAll, added]]);
      },
    ],
  });
}

/**
 * Sends DEL for pods that were added earlier. If `isHeld`, the command deletes their interfaces instead, as the agent
 * would half a second later.
 */
async function leave(
  plugin: Plugin,
  pods: readonly BenchPod[],
  isHeld: boolean,
): Promise<string | undefined> {
  for (let tries = 0; tries < 10; tries++) {
    await callAtOnce(plugin, 'ADD', pods);
    // By then the agent has finished its deferred work for the pods.
    await sleep(2000);
    await callAtOnce(plugin, 'DEL', pods);
    if (!isHeld) return undefined;
    if (hasTaken(plugin, pods.length)) return `ip link delete group ${ownGroup}`;
    // On a busy machine the agent was faster.
  }
  throw new Error(`${plugin.name}: interfaces are deleted half a second after the first DEL`);
}

/** False: that many interfaces do not wait for their deletion. Otherwise the agent has none left to delete. */
function hasTaken({ namespacePath }: Plugin, count: number): boolean {
  using namespace = NetworkNamespace.open(namespacePath);
  using socket = NetlinkSocket.open({ namespace });
  const doomed = listLinks(socket, { kind: 'veth' }).filter(({ name }) => isDoomedName(name));
  if (doomed.length !== count) return false;
  for (const { ifIndex } of doomed) setLink(socket, { ifIndex, group: ownGroup });
  return true;
}
