// Records on disk while the agent runs: removed ones are written again, so that the next start finds them.

import type { Logger } from '../../base/log.ts';
import { CniError } from '../../cni/error.ts';
import type { EndpointStore } from './store.ts';

/** A record that cannot be written is retried the next time. */
export function rewriteRecords(store: EndpointStore, log: Logger): void {
  try {
    const missing = store.rewriteMissing();
    if (missing.length > 0) log.warn({ missing }, 'endpoint records rewritten');
  } catch (error) {
    // A problem of the store, which reports it.
    if (!(error instanceof CniError)) throw error;
  }
}

/** Why a record with an unfinished ADD is forgotten. */
export const halfBuilt = 'the agent stopped while the pod was being added';
