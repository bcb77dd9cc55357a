// What of the agent's own may be deleted under it: records, the lock's file, the file of sysctls, pins. Looked at every period and put back, so that the
// next start finds it; what cannot be put back is a problem.

import type { AgentParts } from './assemble.ts';

/** `keepLock` throws what keeps the lock from being taken again. */
export function keepOwn(
  {
    pods,
    datapath,
    sysctlsBefore,
    ownProblems,
    log,
  }: Pick<AgentParts, 'pods' | 'datapath' | 'sysctlsBefore' | 'ownProblems' | 'log'>,
  keepLock: () => void,
): void {
  const keep = (part: string, body: () => void): void => {
    try {
      body();
      ownProblems.set(part, []);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      ownProblems.set(part, [text.startsWith(part) ? text : `${part}: ${text}`]);
    }
  };
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
