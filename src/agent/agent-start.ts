// What an agent gets from the process that it runs in.

import type { LogOutput } from '../base/log-output.ts';

export interface AgentStart {
  /** From process start until the agent's own code ran. */
  readonly runtimeMs: number;
  /** Where the log goes. */
  readonly output: Pick<LogOutput, 'lostLines' | 'problem' | 'retry'>;
  /** Takes the lock of the state directory again where its file was deleted. Throws InputError. */
  keepLock(): void;
}
