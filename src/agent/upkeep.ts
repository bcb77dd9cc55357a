// The agent's own files that may be deleted while it runs: records, the lock file, the file of sysctls, pins. They are
// checked every period and restored, so that the next start finds them. A failure to restore is a problem.

import type { SettleCause } from '../api/status.ts';
import { errorText } from '../base/errors.ts';
import { InputError } from '../base/input-error.ts';
import type { AgentStart } from './agent-start.ts';
import type { OwnPart } from './own-problems.ts';
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
  const keep = (part: OwnPart, body: () => void): void => {
    try {
      body();
      ownProblems.set(part, undefined);
    } catch (error) {
      const isNamed = error instanceof InputError && error.problem.object === part;
      ownProblems.set(part, isNamed ? error.message : `${part}: ${errorText(error)}`);
    }
  };
  // When a line can be written again, the problem ends.
  output.retry();
  const { problem } = output;
  ownProblems.set('log', problem === undefined ? undefined : `log lines are lost: ${problem}`);
  pods.keepRecords();
  keep('stateDir', () => {
    keepLock();
    sysctlsBefore.keep();
  });
  keep('pinDir', () => {
    const pins = datapath.keepPins();
    if (pins.length > 0) log.warn({ pins }, 'restored a pin that another process removed');
  });
}

/**
 * Once the file exists, only another process changes it, so a check per period is enough; the cluster changes much more
 * often.
 */
export function keepConfiguration(
  { cniConfiguration }: Pick<AgentParts, 'cniConfiguration'>,
  causes: readonly SettleCause[],
): void {
  if (causes.every((cause) => cause === 'endpoint')) return;
  const isOnlyCluster = causes.every((cause) => cause === 'endpoint' || cause === 'cluster');
  if (isOnlyCluster && cniConfiguration.waitsFor === undefined) return;
  cniConfiguration.keep();
}
