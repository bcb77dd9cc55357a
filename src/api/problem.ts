// Problems of a node. Programs may rely on the kind; the wording of a text may change. docs/troubleshooting.md has a row for each
// kind.

export const problemKinds = [
  'waiting',
  'cluster-source',
  'cluster-object',
  'table-entry',
  'desired-state',
  'network',
  'service',
  'node-fact',
  'endpoint-record',
  'endpoint-recovered',
  'endpoint-corrected',
  'endpoint-stale',
  'endpoint-unclaimed',
  'state-folder',
  'pins',
  'socket',
  'health-port',
  'metrics-port',
  'log',
  'cni-configuration',
  'api-server-write',
] as const;

export type ProblemKind = (typeof problemKinds)[number];

export interface NodeProblem {
  readonly kind: ProblemKind;
  /** The object that it concerns, if a kind can have several: a fact's id, a Node, an interface. */
  readonly subject?: string | undefined;
  /** One sentence. */
  readonly text: string;
}
