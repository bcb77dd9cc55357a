// Records on disk while the agent runs: what is removed there is written again, so that the next start finds it.

import type { Logger } from '../../base/log.ts';
import { CniError } from '../../cni/error.ts';
import type { EndpointStore } from './store.ts';

/** What cannot be written is tried again the next time. */
export function rewriteRecords(store: EndpointStore, log: Logger): void {
  try {
    const missing = store.rewriteMissing();
    if (missing.length > 0) log.warn({ missing }, 'endpoint records rewritten');
  } catch (error) {
    // A problem of the store, which is reported.
    if (!(error instanceof CniError)) throw error;
  }
}

/** Why a record is forgotten that no ADD has finished. */
export const halfBuilt = 'the agent stopped while the pod was being added';
