// The facts as the agent follows them: looked at with each look at the host, shown until the next.

import { isKernelError } from '../../kernel/errno.ts';
import type { DesiredState } from '../../model/desired.ts';
import type { Address } from '../../net/address.ts';
import type { FactView } from '../api-types.ts';
import type { HostListing } from '../host-facts.ts';
import type { NodeFact } from './fact.ts';
import { nodeFacts } from './node-facts.ts';
import type { NodeObserver } from './observe-node.ts';
import type { ObservedNode } from './observed-node.ts';

export interface FactSources {
  readonly host: HostListing;
  readonly desired: DesiredState;
  readonly nodeAddresses: readonly Address[];
}

export class FactWatch {
  readonly #observer: Pick<NodeObserver, 'look'>;
  readonly #facts: readonly NodeFact[];
  #views: readonly FactView[] = [];

  constructor(observer: Pick<NodeObserver, 'look'>, facts: readonly NodeFact[] = nodeFacts) {
    this.#observer = observer;
    this.#facts = facts;
  }

  /** Empty before the first look. */
  get views(): readonly FactView[] {
    return this.#views;
  }

  /** A kernel that cannot be asked makes every fact unknown, and says why. */
  look({ host, desired, nodeAddresses }: FactSources): void {
    try {
      const kernel = this.#observer.look(host, desired.uplinks);
      this.#views = this.#facts.map((fact) => viewOf(fact, { kernel, desired, nodeAddresses }));
    } catch (error) {
      if (!isKernelError(error)) throw error;
      const { message } = error;
      this.#views = this.#facts.map(({ id }) => ({ id, state: 'unknown', text: message }));
    }
  }
}

/** Sentences about what stops pods' packets, the name of the fact first. */
export function factProblems(views: readonly FactView[]): readonly string[] {
  return views.flatMap(({ id, state, text }) =>
    state === 'problem' ? [`${id}: ${text ?? ''}`] : [],
  );
}

function viewOf(fact: NodeFact, node: ObservedNode): FactView {
  const { id } = fact;
  const findings = fact.check(node);
  const problems = findings.filter(({ severity }) => severity === 'problem');
  // The gravest first.
  const texts = [...problems, ...findings.filter((each) => !problems.includes(each))].map(
    ({ text }) => text,
  );
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

const mostTexts = 3;
const mostCharacters = 1000;

// Names of interfaces, tables and chains may hold any character: none of them is to move a terminal's cursor.
function printable(text: string): string {
  const shown = text.replace(/[^\x20-\x7e]/g, '?');
  return shown.length > mostCharacters ? `${shown.slice(0, mostCharacters)} ...` : shown;
}
