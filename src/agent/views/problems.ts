// Problems of this node, collected from every part that finds any.

import type { NodeProblem } from '../../api/problem.ts';
import type { ProblemView, TableFailure, TableView } from '../../api/status.ts';
import type { SourceProblem } from '../../cluster/state.ts';
import type { JournalProblem } from '../journal.ts';
import { factProblems } from '../node-facts/fact-watch.ts';
import type { AgentParts } from '../parts.ts';
import { waitingFor } from '../readiness.ts';

export interface HealthProblemSources {
  readonly parts: AgentParts;
  readonly isReady: boolean;
  readonly tables: readonly TableView[];
}

/** The most serious problem first. */
export function healthProblems({
  parts,
  isReady,
  tables,
}: HealthProblemSources): readonly NodeProblem[] {
  const waiting = isReady ? undefined : waitingFor(parts);
  const { problems } = parts.network.snapshot;
  const all = [
    ...(waiting === undefined
      ? sourceProblems(problems)
      : [{ kind: 'waiting', text: waiting } as const]),
    ...failureProblem(tables.flatMap((table) => table.failures)),
    ...ownProblems(parts),
    ...brokenObjects(parts),
  ];
  // Another part may report the same problem that the agent waits for.
  const texts = new Set<string>();
  return all.filter(({ text }) => {
    const isNew = !texts.has(text);
    texts.add(text);
    return isNew;
  });
}

/** Problems for the log. The text of a problem stays the same while it lasts. */
export function journalProblems(parts: AgentParts): readonly JournalProblem[] {
  const { problems } = parts.network.snapshot;
  return [
    ...shownProblems(problems).map(({ subject, text, consequence }) => {
      return { subject, text: `${text}; ${consequence}` };
    }),
    ...ownProblems(parts).map(({ kind, subject = kind, text }) => ({ subject, text })),
  ];
}

const shownAtMost = 50;

/** Limits the number, however many objects are invalid. */
function shownProblems(problems: readonly SourceProblem[]): readonly SourceProblem[] {
  const shown = problems.slice(0, shownAtMost);
  const count = countOf(problems) - countOf(shown);
  if (count <= 0) return shown;
  const consequence = 'correct the problems above to see the others';
  return [...shown, { subject: 'more', text: `${count} more`, consequence, count }];
}

export function clusterProblems(problems: readonly SourceProblem[]): readonly ProblemView[] {
  return shownProblems(problems).map(({ text, consequence, isSource }) => ({
    text,
    consequence,
    ...(isSource === true && { isSource }),
  }));
}

function countOf(problems: readonly SourceProblem[]): number {
  return problems.reduce((sum, { count = 1 }) => sum + count, 0);
}

function brokenObjects({ network, kubernetes }: AgentParts): readonly NodeProblem[] {
  const broken = countOf(network.snapshot.problems.filter(({ isSource }) => isSource !== true));
  if (broken === 0) return [];
  const what = kubernetes === undefined ? 'manifests' : 'objects';
  const text = `${broken} of the cluster's ${what} could not be used as written`;
  return [{ kind: 'cluster-object', text }];
}

function sourceProblems(problems: readonly SourceProblem[]): readonly NodeProblem[] {
  return problems
    .filter(({ isSource }) => isSource === true)
    .map(({ subject, text }) => ({ kind: 'cluster-source', subject, text }));
}

function failureProblem(failures: readonly TableFailure[]): readonly NodeProblem[] {
  if (failures.length === 0) return [];
  const next = Math.min(...failures.map(({ retryAt }) => Date.parse(retryAt)));
  const seconds = Math.max(0, Math.ceil((next - Date.now()) / 1000));
  const what = failures.length === 1 ? '1 table entry' : `${failures.length} table entries`;
  const text = `${what} could not be applied (retry in ${seconds} s)`;
  return [{ kind: 'table-entry', text }];
}

function kubeProxyProblems({ kubeProxy }: AgentParts): readonly NodeProblem[] {
  const text = kubeProxy?.problem;
  return text === undefined ? [] : [{ kind: 'service', subject: 'kube-proxy', text }];
}

/** Problems of this node and its endpoints. */
function ownProblems(parts: AgentParts): readonly NodeProblem[] {
  const { network, services, pods, facts, cniConfiguration, ownProblems: own, writer } = parts;
  // Before the cluster is known, nothing counts as missing.
  const problems = network.isWaiting ? [] : network.desired.problems;
  const all = (kind: NodeProblem['kind'], texts: readonly string[]): readonly NodeProblem[] =>
    texts.map((text) => ({ kind, text }));
  return [
    ...all('desired-state', network.problem === undefined ? [] : [network.problem]),
    ...problems.map(({ object, text }) => {
      return { kind: 'network', subject: object, text: `${object}: ${text}` } as const;
    }),
    ...all('service', services?.proxy.problems ?? []),
    ...(services?.nodePorts.problems ?? []).map((each) => ({ kind: 'service', ...each }) as const),
    ...kubeProxyProblems(parts),
    ...(services?.health.problems ?? []).map((each) => ({ kind: 'service', ...each }) as const),
    ...factProblems(facts.views),
    ...pods.problems(),
    ...all('cni-configuration', cniConfiguration.problems),
    ...own.all,
    ...all('api-server-write', writer?.problems ?? []),
  ];
}
