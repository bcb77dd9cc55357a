// Problems of the API server and its answers, for users. A failing connection is reported once, however many resources
// it affects.

import { type Moment, moment } from '../../base/moment.ts';
import type { SourceProblem } from '../state.ts';
import type { ConnectionState } from './client/connection.ts';
import type { ReflectorState } from './resource-state.ts';

export interface ProblemSources {
  readonly connection: ConnectionState;
  readonly resources: readonly ReflectorState[];
  /** Everything has been listed at least once. */
  readonly complete: boolean;
  readonly stores: Iterable<{ readonly problems: Iterable<SourceProblem> }>;
  /** After this time without data from the server, a resource is a problem. */
  readonly unheardMs: number;
}

export function sourceProblems(sources: ProblemSources): readonly SourceProblem[] {
  const { connection, resources, complete, stores } = sources;
  const consequence = complete
    ? 'the last known state of the cluster stays in force'
    : 'forwarding on this node stays as it is, and no pod can start here';
  const lost = connection.failing;
  const texts = lost === undefined ? resourceTexts(resources) : [lost.text];
  const unheard = unheardResources(sources);
  const unheardText = `nothing received about ${unheard.join(', ')} for ${Math.round(sources.unheardMs / 60_000)} min`;
  const doubts = resources.flatMap(({ doubt }) => (doubt === undefined ? [] : [doubt.text]));
  const postponed = resources.flatMap((state) => state.postponed ?? []);
  return [
    ...[...texts, ...(unheard.length === 0 ? [] : [unheardText])].map((text) => ({
      subject,
      text: `API server: ${text}`,
      consequence,
      isSource: true as const,
    })),
    ...doubts.map((text) => ({
      subject,
      text: `API server: ${text}`,
      consequence: 'nothing is removed until the API server confirms it',
      isSource: true as const,
    })),
    ...postponed.map(({ text }) => ({
      subject,
      text: `API server: ${text}`,
      consequence: 'until then these objects stay as they were',
    })),
    ...Array.from(stores, ({ problems }) => [...problems]).flat(),
  ];
}

/** When the next resource becomes a problem because of its silence; undefined: none will. */
export function nextUnheard(
  resources: readonly ReflectorState[],
  unheardMs: number,
): Moment | undefined {
  const times = resources.flatMap((state) => {
    const at = heardAt(state);
    return at === undefined || at + unheardMs <= moment() ? [] : [at + unheardMs];
  });
  return times.length === 0 ? undefined : (Math.min(...times) as Moment);
}

function unheardResources({ connection, resources, unheardMs }: ProblemSources): readonly string[] {
  if (connection.failing !== undefined) return [];
  return resources
    .filter((state) => state.failing === undefined)
    .filter((state) => (heardAt(state) ?? moment()) + unheardMs <= moment())
    .map(({ resource }) => resource);
}

function heardAt({ watchedAt, reading }: ReflectorState): Moment | undefined {
  return watchedAt ?? reading?.since;
}

const subject = 'API server';

// `list nodes, pods: 503 ...`: the same problem of several resources becomes one text.
function resourceTexts(resources: readonly ReflectorState[]): readonly string[] {
  const groups = new Map<string, { readonly verb: string; readonly of: readonly string[] }>();
  for (const { resource, failing } of resources) {
    if (failing === undefined) continue;
    const { verb, detail, text } = failing;
    const key = JSON.stringify(detail === undefined ? [text] : [detail, verb]);
    const of = detail === undefined ? [] : [...(groups.get(key)?.of ?? []), resource];
    groups.set(key, { verb, of });
  }
  return Array.from(groups, ([key, { verb, of }]) => {
    const [text = ''] = JSON.parse(key) as readonly string[];
    return of.length === 0 ? text : `${verb} ${of.join(', ')}: ${text}`;
  });
}
