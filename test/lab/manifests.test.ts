// The lab follows its manifests: edits add and delete pods, and a typing error removes nothing.

import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import type { EndpointView } from '../../src/api/endpoints.ts';
import {
  curl,
  echoAnswer,
  echoPod,
  eventuallyDefined,
  sharedLab,
  type TestLab,
  threePods,
  writeManifest,
} from '../support/lab.ts';
import { rootTest } from '../support/root-test.ts';

describe('editing the manifests', () => {
  const lab = sharedLab({ manifests: threePods });

  rootTest('a new file adds its pods, which everyone reaches', async () => {
    writeManifest(join(lab().source, 'more.yaml'), [echoPod('cache-1', 'node-2')]);
    await running(lab(), 'cache-1');
    for (const family of [4, 6] as const) {
      const address = lab().address(lab().pod('cache-1'), family);
      assert.equal(echoAnswer(await lab().inPod('web-1', curl(address))).pod, 'shop/cache-1');
    }
  });

  rootTest('a pod runs its own command with its environment', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'own', namespace: 'shop' },
      spec: {
        containers: [
          {
            name: 'own',
            image: 'any',
            command: ['/bin/sh', '-c', 'echo "$COLOUR" > /proc/self/fd/1; exec sleep infinity'],
            env: [{ name: 'COLOUR', value: 'blue' }],
          },
        ],
      },
    };
    writeManifest(join(lab().source, 'own.yaml'), [pod]);
    const { pid, log } = await running(lab(), 'own');
    assert(pid !== undefined);
    await eventuallyDefined('the log has what the command said', async () => {
      const { stdout } = await lab().inNode('switch', ['cat', log]);
      return stdout === 'blue\n' ? true : undefined;
    });
    const changed = {
      ...pod,
      spec: { containers: [{ name: 'own', image: 'any', command: ['sleep', '1000'] }] },
    };
    writeManifest(join(lab().source, 'own.yaml'), [changed]);
    await eventuallyDefined('the changed command runs', () => {
      const now = lab()
        .lab.record()
        .pods.find(({ name }) => name === 'own');
      return now?.state === 'running' && now.pid !== pid ? true : undefined;
    });
  });

  rootTest('an invalid file keeps its pods and is shown in status', async () => {
    const file = join(lab().source, 'more.yaml');
    const { pid } = lab().pod('cache-1');
    writeFileSync(file, 'kind: [Pod\n');
    await eventuallyDefined('the agents name the file', async () => {
      const { cluster } = await lab().status('node-1');
      return cluster.problems.find(({ text }) => text.includes('more.yaml'));
    });
    assert.match(lab().lab.record().problems.join('\n'), /more\.yaml/);
    const { stdout } = await lab().heddle('node-1', ['status']);
    assert.match(stdout, /more\.yaml/);
    assert.equal(lab().pod('cache-1').pid, pid);
    const address = lab().address(lab().pod('cache-1'), 4);
    assert.equal((await lab().inPod('web-1', curl(address))).exitCode, 0);

    writeManifest(file, [echoPod('cache-1', 'node-2')]);
    await eventuallyDefined('the problem is gone', async () => {
      return (await lab().status('node-1')).cluster.problems.length === 0 ? true : undefined;
    });
    assert.equal(lab().pod('cache-1').pid, pid, 'the same process still runs');
  });

  rootTest('a deleted file removes its pods and everything of theirs', async () => {
    const { namespacePath, cgroup, addresses } = lab().pod('cache-1');
    rmSync(join(lab().source, 'more.yaml'));
    await eventuallyDefined('the pod is gone', () => {
      const names = lab()
        .lab.record()
        .pods.map(({ name }) => name);
      return names.includes('cache-1') ? undefined : true;
    });
    assert.equal(existsSync(namespacePath), false);
    assert.equal(existsSync(cgroup), false);
    const endpoints = await lab().ask<readonly EndpointView[]>('node-2', '/v1/endpoints');
    const held = endpoints.flatMap((endpoint) => endpoint.addresses);
    assert.deepEqual(
      held.filter((address) => (addresses as readonly string[]).includes(address)),
      [],
    );
  });
});

function running(lab: TestLab, pod: string): Promise<{ pid?: number | undefined; log: string }> {
  return eventuallyDefined(`pod ${pod} runs`, () =>
    lab.lab.record().pods.find(({ name, state }) => name === pod && state === 'running'),
  );
}
