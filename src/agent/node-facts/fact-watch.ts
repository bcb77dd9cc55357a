// Checks the facts in the running agent: after each listing of the host. Results are shown until the next check.

import type { NodeProblem } from '../../api/problem.ts';
import type { FactView } from '../../api/status.ts';
import { errorText } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { SysctlName } from '../../kernel/sysctl.ts';
import type { DesiredState } from '../../model/desired.ts';
import type { Address } from '../../net/address.ts';
import type { HostListing } from '../host/facts.ts';
import type { NodeFact } from './checks/fact.ts';
import { nodeFacts } from './node-facts.ts';
import { RulesNotListed } from './observed/foreign-rules.ts';
import type { NodeObserver } from './observed/observe-node.ts';
import type { ObservedKernel, ObservedNode } from './observed/observed-node.ts';
import { isWhole } from './observed/separately.ts';

export interface FactSources {
  readonly host: HostListing;
  readonly desired: DesiredState;
  /** Absent until the cluster has a Node object for this node. */
  readonly nodeAddresses: readonly Address[] | undefined;
}

const noAddresses: readonly Address[] = [];

export class FactWatch {
  readonly #observer: Pick<NodeObserver, 'look'>;
  readonly #facts: readonly NodeFact[];
  readonly #log: Pick<Logger, 'error'> | undefined;
  /** Errors that last. */
  #logged: ReadonlySet<string> = new Set();
  #views: readonly FactView[] = [];
  #last: ObservedNode | undefined;
  /** The collection of endpoints stays the same object. */
  #endpoints: number | undefined;

  /** `log`: receives errors that make facts unknown, each once while it lasts. */
  constructor(
    observer: Pick<NodeObserver, 'look'>,
    facts: readonly NodeFact[] = nodeFacts,
    log?: Pick<Logger, 'error'>,
  ) {
    this.#observer = observer;
    this.#facts = facts;
    this.#log = log;
  }

  /** Empty before the first check. */
  get views(): readonly FactView[] {
    return this.#views;
  }

  /**
   * Never throws. A fact that cannot be checked, or needs a listing that failed, is unknown, with the reason.
   */
  look({ host, desired, nodeAddresses = noAddresses }: FactSources): void {
    try {
      const node = { kernel: this.#observer.look(host, desired), desired, nodeAddresses };
      const isSame =
        this.#last !== undefined &&
        this.#endpoints === desired.endpoints.revision &&
        isWhole(this.#last.kernel) &&
        isWhole(node.kernel) &&
        isSameNode(this.#last, node);
      if (!isSame) this.#check(node);
      this.#last = node;
      this.#endpoints = desired.endpoints.revision;
    } catch (error) {
      this.#last = undefined;
      this.#views = this.#facts.map(({ id }) => unknownView(id, error));
      this.#tell([{ what: 'facts about the node', error }]);
    }
  }

  #check(node: ObservedNode): void {
    const failures: Failure[] = [];
    this.#views = this.#facts.map((fact) => {
      try {
        return viewOf(fact, node);
      } catch (error) {
        if (!isPassing(error)) failures.push({ what: fact.id, error });
        return unknownView(fact.id, error);
      }
    });
    this.#tell(failures);
  }

  #tell(failures: readonly Failure[]): void {
    const before = this.#logged;
    this.#logged = new Set(failures.map(nameOf));
    for (const failure of failures) {
      const { what, error } = failure;
      if (!before.has(nameOf(failure))) this.#log?.error({ error }, `${what}: cannot be checked`);
    }
  }
}

// The rules of a busy node may change all the time.
function isPassing(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof RulesNotListed;
}

interface Failure {
  readonly what: string;
  readonly error: unknown;
}

function nameOf({ what, error }: Failure): string {
  return `${what}: ${errorText(error)}`;
}

function unknownView(id: string, error: unknown): FactView {
  return { id, state: 'unknown', text: printable(errorText(error)) };
}

/** Sentences about problems that stop packets of pods, starting with the name of the fact. */
export function factProblems(views: readonly FactView[]): readonly NodeProblem[] {
  return views.flatMap(({ id, state, text }) =>
    state === 'problem' ? [{ kind: 'node-fact', subject: id, text: `${id}: ${text ?? ''}` }] : [],
  );
}

function viewOf(fact: NodeFact, node: ObservedNode): FactView {
  const { id } = fact;
  const findings = fact.check(node);
  const problems = findings.filter(({ severity }) => severity === 'problem');
  const notes = findings.filter(({ severity }) => severity !== 'problem');
  // Most severe first.
  const texts = [...problems, ...notes].map(({ text }) => text);
  if (texts.length === 0) {
    const text = fact.describe?.(node);
    return { id, state: 'ok', ...(text === undefined ? {} : { text }) };
  }
  const shown =
    texts.length > mostTexts
      ? [...texts.slice(0, mostTexts), `and ${texts.length - mostTexts} more`]
      : texts;
  return { id, state: problems.length > 0 ? 'problem' : 'note', text: printable(shown.join('; ')) };
}

// On an idle node nothing has changed, and hundreds of pods and thousands of ranges are not examined again.
function isSameNode(left: ObservedNode, right: ObservedNode): boolean {
  return (
    hasSameFields(left.kernel.host, right.kernel.host) &&
    hasSameFields(comparable(left.kernel), comparable(right.kernel)) &&
    hasSameFields(left.desired, right.desired) &&
    left.nodeAddresses === right.nodeAddresses
  );
}

/** Short lists are created anew for each check, and the fill of a table matters only near its limit. */
function comparable({ host: _, settings, ...kernel }: ObservedKernel): object {
  const { legacyTables, foreignPrograms, cgroupPrograms, fragmentBytes, ...others } = kernel;
  const isHigh = (count: number, most: SysctlName): boolean =>
    count > Number(settings.get(most) ?? 0) / 2;
  const connections = Number(settings.get(conntrackCount) ?? 0);
  const isFull = isHigh(connections, 'net/netfilter/nf_conntrack_max');
  const values = [...settings].filter(([name]) => isFull || name !== conntrackCount);
  const fragments = isHigh(fragmentBytes, 'net/ipv4/ipfrag_high_thresh') ? fragmentBytes : 0;
  return {
    ...others,
    short: JSON.stringify([legacyTables, foreignPrograms, cgroupPrograms, values, fragments]),
  };
}

const conntrackCount = 'net/netfilter/nf_conntrack_count';

function hasSameFields(left: object, right: object): boolean {
  const values = new Map(Object.entries(left));
  const others = Object.entries(right);
  return values.size === others.length && others.every(([key, value]) => values.get(key) === value);
}

const mostTexts = 3;
const mostCharacters = 1000;

// Names of interfaces, tables and chains may contain any character, but must not move a terminal's cursor.
function printable(text: string): string {
  const shown = text.replace(/[^\x20-\x7e]/g, '?');
  return shown.length > mostCharacters ? `${shown.slice(0, mostCharacters)} ...` : shown;
}
