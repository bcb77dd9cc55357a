// Neighbour entries of other nodes and routers on running nodes, resolved and kept by the kernel. What a full
// table of neighbours does to them is test/kernel/table-next-hops.test.ts.

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { eventuallyDefined, sharedLab, type TestLab, threePods } from '../support/lab.ts';
import { rootTest } from '../support/root-test.ts';

const settings = { reconcilePeriodMs: 500 };
const nextHops = ['10.200.0.12', 'fd00:200::12', '10.200.0.1', 'fd00:200::1'];

for (const mode of ['native', 'vxlan'] as const) {
  describe(`next hops, ${mode}`, () => {
    const lab = sharedLab({ mode, manifests: threePods, settings });

    rootTest('other nodes and routers have entries that the kernel maintains', async () => {
      for (const address of nextHops) {
        await eventuallyDefined(`the entry of ${address}`, async () => {
          const found = await shell(lab(), 'node-1', `ip neigh show ${address} dev eth0`);
          return /lladdr \S+ (router )?managed extern_learn/.test(found) ? true : undefined;
        });
      }
    });
  });
}

async function shell(lab: TestLab, node: string, script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await lab.inNode(node, ['sh', '-c', script]);
  assert.equal(exitCode, 0, `${script}: ${stderr}${stdout}`);
  return stdout;
}
