// The CNI requests of the API, timed by verb and outcome; failures are noted for the status screen.

import type { CniAnswer } from '../../api/cni-answer.ts';
import type { Logger } from '../../base/log.ts';
import { splitCall } from '../../cni/call.ts';
import { type PodIdentity, parseArguments, podIdentity } from '../../cni/pod-identity.ts';
import type { Pods } from '../../pods/pods.ts';
import { answerCni } from './cni.ts';

export interface CniMetricsOptions {
  readonly pods: Pods;
  readonly log: Logger;
  readonly journal: { error(text: string): void };
  readonly metrics: {
    cniRequest(request: { verb: string; code: number; seconds: number }): void;
  };
  onFailure?(failure: CniFailure): void;
}

export interface CniFailure {
  readonly verb: string;
  /** Of cniErrorCode. */
  readonly code: number;
  readonly text: string;
  readonly pod?: PodIdentity | undefined;
}

export function measuredCni(options: CniMetricsOptions): (body: Buffer) => Promise<CniAnswer> {
  const { pods, log, metrics, journal } = options;
  return async (body) => {
    const began = performance.now();
    const answer = await answerCni(pods, log, body);
    const seconds = (performance.now() - began) / 1000;
    const { code, text } = outcomeOf(answer);
    const { verb, pod } = callerOf(body);
    metrics.cniRequest({ verb, code, seconds });
    if (code !== 0) {
      journal.error(`CNI ${text}`);
      options.onFailure?.({ verb, code, text, pod });
    }
    return answer;
  };
}

const verbs = new Set(['ADD', 'DEL', 'CHECK', 'VERSION', 'GC', 'STATUS']);

// The verb is one of a fixed set: what comes from outside must not make new time series.
function callerOf(body: Buffer): { readonly verb: string; readonly pod?: PodIdentity | undefined } {
  try {
    const { environment } = splitCall(body);
    const verb = environment.get('CNI_COMMAND') ?? '';
    const pod = podIdentity(parseArguments(environment.get('CNI_ARGS') ?? ''));
    return { verb: verbs.has(verb) ? verb : 'unknown', pod };
  } catch {
    return { verb: 'unknown' };
  }
}

function outcomeOf({ exitCode, body }: CniAnswer): {
  readonly code: number;
  readonly text: string;
} {
  if (exitCode === 0) return { code: 0, text: '' };
  const error = JSON.parse(body) as { readonly code?: number; readonly msg?: string };
  return { code: error.code ?? exitCode, text: error.msg ?? body };
}
