// Facts as a table: a change of a healthy node, and the text of the fact after it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeFact } from '../../src/agent/node-facts/checks/fact.ts';
import { nodeFacts } from '../../src/agent/node-facts/node-facts.ts';
import { changed, type ObservedChange } from './sound-node.ts';

/** `expected`: severity and text of the first finding; undefined: no finding. */
export type FactRow = readonly [
  what: string,
  fact: string,
  change: ObservedChange,
  expected: RegExp | undefined,
];

export function testFacts(rows: readonly FactRow[]): void {
  for (const [what, id, change, expected] of rows) {
    test(`${what}: ${id} ${expected === undefined ? 'holds' : 'does not hold'}`, () => {
      const [finding] = factOf(id).check(changed(change));
      if (expected === undefined) assert.equal(finding, undefined);
      else
        assert.match(finding === undefined ? '' : `${finding.severity}: ${finding.text}`, expected);
    });
  }
}

export function factOf(id: string): NodeFact {
  return nodeFacts.find((fact) => fact.id === id) ?? assert.fail(id);
}
