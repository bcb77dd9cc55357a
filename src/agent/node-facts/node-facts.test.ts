import assert from 'node:assert/strict';
import fs from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { endpointCollection } from '../../../test/support/compute-desired.ts';
import { changed, sound } from '../../../test/support/sound-node.ts';
import { nodeFacts } from './node-facts.ts';

test('on a healthy node every fact holds without notes', () => {
  for (const fact of nodeFacts) {
    assert.deepEqual(fact.check(sound), [], fact.id);
    assert.equal(fact.describe?.(sound), undefined);
  }
});

test('a node without pod ranges and uplinks has no problems', () => {
  const nothing = changed({
    desired: {
      podRanges: [],
      uplinks: [],
      remoteRanges: [],
      endpoints: endpointCollection([]),
      hostAddresses: [],
      masquerade: undefined,
    },
    host: { links: [], addresses: [], routes: [] },
    kernel: { policyRules: [] },
  });
  for (const fact of nodeFacts) assert.deepEqual(fact.check(nothing), [], fact.id);
});

test('docs/troubleshooting.md has a row for each fact, in this order', () => {
  const file = resolve(import.meta.dirname, '../../../../docs/troubleshooting.md');
  const [, section = ''] = fs.readFileSync(file, 'utf8').split("## What this node's own state");
  const [rowsOfSection = ''] = section.split('\n## ');
  const ids = [...rowsOfSection.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, id]) => id);
  assert.deepEqual(
    ids,
    nodeFacts.map(({ id }) => id),
  );
});
