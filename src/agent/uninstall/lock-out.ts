// Keeps agents from starting while what they use is removed: by the locks that an agent holds.

import { InputError } from '../../base/input-error.ts';
import { UndoStack } from '../../base/undo.ts';
import type { AgentConfig } from '../../config/schema.ts';
import { lockUsedPins, lockUsedState } from '../process/lock.ts';
import { lockNetwork, networkHolder } from '../process/network-lock.ts';

/**
 * In the network namespace of the calling thread, until it is disposed of. A folder that is missing is not made, and so not
 * locked: an agent that starts then makes its own. Throws InputError while an agent runs.
 */
export function lockOutAgents({
  stateDir,
  pinDir,
}: Pick<AgentConfig, 'stateDir' | 'pinDir'>): Disposable {
  const held = new UndoStack();
  try {
    held.use(lockUsedState(stateDir));
    held.use(lockUsedPins(pinDir));
    const holder = networkHolder();
    if (holder !== undefined) {
      const rule = `is in use by an agent (pid ${holder.pid ?? 'unknown'}): stop it first`;
      throw new InputError({ object: 'network namespace', rule });
    }
    held.use(lockNetwork());
    return held;
  } catch (error) {
    held[Symbol.dispose]();
    throw error;
  }
}
