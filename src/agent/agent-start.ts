// What the process provides to its agent.

import type { LogOutput } from '../base/log-output.ts';
import type { ServiceChoice } from './kube-proxy/service-choice.ts';

export interface AgentStart {
  /** Time from the start of the process until the agent's own code ran. */
  readonly runtimeMs: number;
  /** Destination of log lines. */
  readonly output: Pick<LogOutput, 'lostLines' | 'problem' | 'retry'>;
  /** What `services.mode` has become. */
  readonly services: ServiceChoice;
  /** Takes the lock of the state directory again if its file was deleted. Throws InputError. */
  keepLock(): void;
}
