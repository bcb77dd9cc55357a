import assert from 'node:assert/strict';
import {
  type LegacyListing,
  LegacyRules,
} from '../../src/agent/node-facts/observed/legacy-rules.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { eventuallyDefined } from '../support/lab.ts';
import { runIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const filter = { family: 'ip', table: 'filter' } as const;

rootTest('rules of iptables-legacy are read by its own program', async (context) => {
  const namespace = testNamespace(context);
  runIn(namespace, 'iptables-legacy', '-P', 'FORWARD', 'DROP');
  runIn(namespace, 'iptables-legacy', '-A', 'FORWARD', '-p', 'sctp', '-j', 'REJECT');
  const { read, unread, ruleSets } = await listed(namespace);
  assert.deepEqual([read, unread], [[{ name: 'ip filter', rules: 1 }], []]);
  const chain = ruleSets[0]?.chains.get('FORWARD');
  assert.equal(chain?.base?.policy, 'drop');
  assert.deepEqual(chain.rules, [
    [{ match: { op: '==', left: { meta: { key: 'l4proto' } }, right: 'sctp' } }, { drop: null }],
  ]);
});

rootTest(
  'if the program is not installed, tables stay unread, and this is reported',
  async (context) => {
    const namespace = testNamespace(context);
    const path = process.env['PATH'] ?? '';
    context.after(() => {
      process.env['PATH'] = path;
    });
    process.env['PATH'] = '/nonexistent';
    const { unread, trouble } = await listed(namespace);
    assert.deepEqual(unread, ['ip filter']);
    assert.equal(trouble, 'iptables-legacy-save is not installed where the agent runs');
  },
);

async function listed(namespace: NetworkNamespace): Promise<LegacyListing> {
  const rules = new LegacyRules();
  return eventuallyDefined('listed', () => {
    const listing = namespace.run(() => rules.look([filter]));
    return listing.read.length + listing.unread.length > 0 ? listing : undefined;
  });
}
