// Who translates Services on this node: decided once, when the agent starts.

import type { AgentConfig } from '../../config/schema.ts';
import { runningKubeProxy } from './running.ts';

export interface ServiceChoice {
  readonly isOn: boolean;
  /** Why, with `services.mode: auto`. */
  readonly reason?: string;
}

/**
 * With `auto`, Heddle translates unless a kube-proxy runs here. What one has left does not count: nobody would keep it up
 * to date. Both together do no harm, and neither would.
 */
export async function chooseServices(
  { mode }: Pick<AgentConfig['services'], 'mode'>,
  findRunning: () => Promise<string | undefined> = runningKubeProxy,
): Promise<ServiceChoice> {
  if (mode !== 'auto') return { isOn: mode === 'on' };
  const running = await findRunning();
  return running === undefined
    ? { isOn: true, reason: 'no kube-proxy ran here when the agent started' }
    : { isOn: false, reason: `kube-proxy ran here when the agent started (${running})` };
}
