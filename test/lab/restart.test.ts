// The agent may die at any time: packets keep flowing, and the next agent adopts the existing state without rewriting
// it.

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { MapDump } from '../../src/api/maps.ts';
import type { NodeStatus } from '../../src/api/status.ts';
import { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { callCni, PluginError } from '../../src/lab/cni-call.ts';
import { heddleCommand, labNamespacePath } from '../../src/lab/paths.ts';
import { runInPlace } from '../../src/lab/spawn.ts';
import { bringLoopbackUp } from '../../src/lab/topology.ts';
import {
  curl,
  echoAnswer,
  eventuallyDefined,
  sharedLab,
  type TestLab,
  threePods,
} from '../support/lab.ts';
import { echoDatagrams } from '../support/lab-traffic.ts';
import { rootTest } from '../support/root-test.ts';

for (const mode of ['native', 'vxlan'] as const) {
  describe(`an agent killed under load, ${mode}`, () => {
    const lab = sharedLab({ mode, manifests: threePods });

    rootTest(
      'no packet is lost, and its successor adopts everything and writes nothing',
      async () => {
        const addresses = ['cart-1', 'db-1'].flatMap((pod) => lab().pod(pod).addresses);
        const streams = addresses.map((address) =>
          echoDatagrams(lab(), 'web-1', { address, count: 1500, intervalMs: 2 }),
        );
        await new Promise((resolve) => setTimeout(resolve, 800));
        const before = await lab().status('node-1');
        const generation = await tableGeneration(lab());
        lab().lab.agent('node-1').signal('SIGKILL');
        const after = await successor(lab(), before.pid);
        for (const { sent, received, missing } of await Promise.all(streams)) {
          assert.equal(received, sent, `lost ${sent - received}, first: ${missing.join(', ')}`);
        }
        assert.equal(after.datapath.adopted, true);
        assert.deepEqual(
          after.tables.filter(({ writes }) => writes.set + writes.deleted > 0),
          [],
          'a table was written again',
        );
        // What the one before it may not have counted any more.
        assert.equal(await tableGeneration(lab()), generation + 1);
        assert.equal(after.endpoints, 2);
        assert.match(lab().notes.join('\n'), /agent of node-1 ended \(SIGKILL\): started again/);
      },
    );

    rootTest('an open connection continues through the restart', async () => {
      const address = lab().address(lab().pod('db-1'), 4);
      const { pid } = await lab().status('node-1');
      // 20 MB at 10 MB/s outlast the restart.
      const slow = curl(
        address,
        '/bytes/20000000',
        '--limit-rate',
        '10M',
        '-o',
        '/dev/null',
        '-w',
        '%{size_download}',
      );
      const download = lab().inPod('web-1', slow);
      lab().lab.agent('node-1').signal('SIGKILL');
      await successor(lab(), pid);
      assert.equal((await download).stdout, '20000000');
    });
  });
}

describe('one agent per node', () => {
  const lab = sharedLab({ manifests: threePods });

  rootTest('a second agent refuses with a reason and leaves the first alone', async () => {
    const node = lab().node('node-1');
    const { pid } = await lab().status('node-1');
    const command = [...heddleCommand(), 'agent', '--config', node.config];
    const { exitCode, stdout, stderr } = await runInPlace(node, command);
    assert.equal(exitCode, 1);
    assert.match(`${stdout}${stderr}`, new RegExp(`another|already|in use|held.*${pid}`, 'i'));
    assert.equal((await lab().status('node-1')).pid, pid);
    assert.equal(
      (await lab().inPod('web-1', curl(lab().address(lab().pod('db-1'), 4)))).exitCode,
      0,
    );
  });
});

describe('no agent', () => {
  const lab = sharedLab({ manifests: threePods });

  rootTest(
    'ADD returns "try again later" immediately and leaves the pod without a network',
    async () => {
      await lab().lab.agent('node-1').stop();
      const path = labNamespacePath(lab().lab.paths, 'pod', 'late');
      using namespace = NetworkNamespace.create(path);
      bringLoopbackUp(namespace);
      const node = lab().node('node-1');
      const pod = { namespace: 'shop', name: 'late', uid: '0b0e7ac2' };
      const request = { containerId: 'late', namespacePath: path, pod, node };
      const startedAt = Date.now();
      await assert.rejects(callCni({ ...request, command: 'ADD' }), (error: Error) => {
        return error instanceof PluginError && error.code === 11;
      });
      const durationMs = Date.now() - startedAt;
      // The plugin has 100 ms; starting a shell and the plugin takes the rest.
      assert.ok(durationMs < 300, `${durationMs} ms`);
      const { stdout } = await runInPlace({ namespacePath: path, cgroup: node.cgroup }, [
        'ip',
        '-o',
        'link',
      ]);
      assert.equal(stdout.trim().split('\n').length, 1, `only lo: ${stdout}`);

      const address = lab().address(lab().pod('db-1'), 6);
      assert.equal(
        echoAnswer(await lab().inPod('web-1', curl(address))).pod,
        'shop/db-1',
        'others go on',
      );

      await lab().lab.agent('node-1').start();
      const addresses = await callCni({ ...request, command: 'ADD' });
      assert.equal(addresses.length, 2);
      await callCni({ ...request, command: 'DEL' });
    },
  );
});

async function tableGeneration(lab: TestLab): Promise<number> {
  const { entries } = await lab.ask<MapDump>('node-1', '/v1/maps/table_generation');
  return Number(entries[0]?.value);
}

function successor(lab: TestLab, pid: number): Promise<NodeStatus> {
  return eventuallyDefined(
    'a new agent is healthy',
    async () => {
      // Between the two there is no answer.
      const status = await lab.status('node-1').catch(() => undefined);
      const isNew = status !== undefined && status.pid !== pid && status.health.state === 'healthy';
      return isNew ? status : undefined;
    },
    20_000,
  );
}
