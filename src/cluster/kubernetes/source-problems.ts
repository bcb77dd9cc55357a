// What is wrong with the API server or what it told us, for people: the connection once, whatever it keeps from working.

import type { SourceProblem } from '../state.ts';
import type { ConnectionState } from './api-client.ts';
import type { ReflectorState } from './reflector.ts';

export interface ProblemSources {
  readonly connection: ConnectionState;
  readonly resources: readonly ReflectorState[];
  /** Everything has been listed at least once. */
  readonly complete: boolean;
  readonly stores: Iterable<{ readonly problems: Iterable<SourceProblem> }>;
}

export function sourceProblems({
  connection,
  resources,
  complete,
  stores,
}: ProblemSources): readonly SourceProblem[] {
  const consequence = complete
    ? 'what the cluster last looked like stays in force'
    : 'what this node forwards stays as it is, and no pod can start here';
  const lost = connection.failing;
  const refused = resources.flatMap(({ failing }) => (failing === undefined ? [] : [failing.text]));
  const connectionTexts = lost === undefined ? [...new Set(refused)] : [lost.text];
  return [
    ...connectionTexts.map((text) => ({
      text: `API server: ${text}`,
      consequence,
      isSource: true as const,
    })),
    ...Array.from(stores, ({ problems }) => [...problems]).flat(),
  ];
}
