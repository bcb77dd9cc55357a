// What of the agent's own may be deleted under it: records, the lock's file, the file of sysctls, pins. Looked at every period and put back, so that the
// next start finds it; what cannot be put back is a problem.

import type { SettleCause } from '../api/status.ts';
import { errorText } from '../base/errors.ts';
import type { AgentStart } from './agent-start.ts';
import type { AgentParts } from './parts.ts';

export function keepOwn(
  {
    pods,
    datapath,
    sysctlsBefore,
    ownProblems,
    log,
  }: Pick<AgentParts, 'pods' | 'datapath' | 'sysctlsBefore' | 'ownProblems' | 'log'>,
  { keepLock, output }: Pick<AgentStart, 'keepLock' | 'output'>,
): void {
  const keep = (part: string, body: () => void): void => {
    try {
      body();
      ownProblems.set(part, []);
    } catch (error) {
      const text = errorText(error);
      ownProblems.set(part, [text.startsWith(part) ? text : `${part}: ${text}`]);
    }
  };
  // Once a line is written again, the problem is over.
  output.retry();
  const { problem } = output;
  ownProblems.set('log', problem === undefined ? [] : [`log: lines are lost: ${problem}`]);
  pods.keepRecords();
  keep('stateDir', () => {
    keepLock();
    sysctlsBefore.keep();
  });
  keep('pinDir', () => {
    const pins = datapath.keepPins();
    if (pins.length > 0) log.warn({ pins }, 'pinned again what somebody had unpinned');
  });
}

/** Once the file is there, only another process changes it, so each period is enough; the cluster changes much more often. */
export function keepConfiguration(
  { cniConfiguration }: Pick<AgentParts, 'cniConfiguration'>,
  causes: readonly SettleCause[],
): void {
  if (causes.every((cause) => cause === 'endpoint')) return;
  const isOnlyCluster = causes.every((cause) => cause === 'endpoint' || cause === 'cluster');
  if (isOnlyCluster && cniConfiguration.waitsFor === undefined) return;
  cniConfiguration.keep();
}
