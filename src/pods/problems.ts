// Problems of this node's endpoints and their records, by kind.

import type { NodeProblem, ProblemKind } from '../api/problem.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import type { Unclaimed } from './interface/unclaimed.ts';
import { recoveredText } from './records/lost-records.ts';
import type { EndpointStore } from './records/store.ts';
import type { PodStates } from './states.ts';

export interface PodProblemSources {
  readonly store: Pick<EndpointStore, 'found' | 'broken' | 'get'>;
  readonly states: Pick<PodStates, 'problems'>;
  readonly unclaimed: Pick<Unclaimed, 'problems'>;
  /** Live endpoints whose records were rebuilt. */
  readonly recovered: readonly LocalEndpoint[];
  /** Sentences about records that were corrected at the start. */
  readonly mended: readonly string[];
}

export function podProblems(sources: PodProblemSources): readonly NodeProblem[] {
  const { store, states, unclaimed, recovered, mended } = sources;
  const all = (kind: ProblemKind, texts: readonly string[]): readonly NodeProblem[] =>
    texts.map((text) => ({ kind, text }));
  return [
    ...all('endpoint-record', store.found),
    ...all('state-folder', store.broken === undefined ? [] : [store.broken]),
    ...recovered.map((endpoint) => {
      const subject = endpoint.hostIfName;
      return { kind: 'endpoint-recovered', subject, text: recoveredText(endpoint) } as const;
    }),
    ...all('endpoint-corrected', mended),
    ...all('endpoint-stale', states.problems()),
    ...all(
      'endpoint-unclaimed',
      unclaimed.problems((name) => store.get(name) !== undefined),
    ),
  ];
}
