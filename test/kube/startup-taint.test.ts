// The start-up taint of a node: the agent removes it when pods can start there, and removes no other taint.

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { rootTest } from '../support/root-test.ts';
import { sharedCluster } from './shared-cluster.ts';

const startup = 'node.heddle.dev/agent-not-ready';
const other = 'example.com/other';

describe('the start-up taint', () => {
  const shared = sharedCluster('heddle');

  rootTest('is removed by an agent that is ready; other taints stay', async () => {
    const cluster = shared();
    const keys = async (): Promise<readonly string[]> => {
      const { spec } = await cluster.api.get<TaintedNode>('node', 'node-2');
      return spec.taints?.map(({ key }) => key) ?? [];
    };
    // The one to remove is not the only one.
    await cluster.api.kubectl('taint', 'nodes', 'node-2', `${other}=:PreferNoSchedule`);
    try {
      await cluster.api.kubectl('taint', 'nodes', 'node-2', `${startup}=:NoSchedule`);
      await cluster.api.waitFor(
        'the agent removes it',
        async () => !(await keys()).includes(startup),
      );
      assert.deepEqual(await keys(), [other]);
    } finally {
      await cluster.api.kubectl('taint', 'nodes', 'node-2', `${other}-`);
    }
  });
});

interface TaintedNode {
  readonly spec: { readonly taints?: readonly { readonly key: string }[] };
}
