// Measures the API's CNI requests by verb and outcome; failures are recorded for the status screen.

import type { CniAnswer } from '../../api/cni-answer.ts';
import type { RecentError } from '../../api/status.ts';
import type { Logger } from '../../base/log.ts';
import { printable } from '../../base/printable.ts';
import type { CniError } from '../../cni/error.ts';
import type { PodIdentity } from '../../cni/pod-identity.ts';
import type { Pods } from '../../pods/pods.ts';
import { answerCni } from './cni.ts';

export interface CniMetricsOptions {
  readonly pods: Pods;
  readonly log: Logger;
  readonly journal: { error(error: Omit<RecentError, 'at' | 'isCurrent'>): void };
  readonly metrics: {
    cniRequest(request: { verb: string; code: number; seconds: number }): void;
  };
  onFailure?(failure: CniFailure): void;
}

export interface CniFailure {
  readonly verb: string;
  readonly error: CniError;
  readonly pod: PodIdentity | undefined;
}

/** The API's `cni` source. */
export function measuredCni(options: CniMetricsOptions): (body: Buffer) => Promise<CniAnswer> {
  const { pods, log, metrics, journal } = options;
  return async (body) => {
    const began = performance.now();
    const { answer, verb: written = '', failure } = await answerCni(pods, log, body);
    const seconds = (performance.now() - began) / 1000;
    const verb = verbs.has(written) ? written : 'unknown';
    metrics.cniRequest({ verb, code: failure?.error.code ?? 0, seconds });
    if (failure !== undefined) {
      const { message, about } = failure.error;
      const from = about === 'readiness' ? ({ from: 'waiting' } as const) : {};
      journal.error({ kind: 'cni', text: `CNI ${printable(message)}`, ...from });
      options.onFailure?.({ verb, ...failure });
    }
    return answer;
  };
}

// Values from outside must not create new time series.
const verbs: ReadonlySet<string> = new Set(['ADD', 'DEL', 'CHECK', 'VERSION', 'GC', 'STATUS']);
