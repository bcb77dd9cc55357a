// The operator's view in `kubectl get events`: one Event per problem, on the object concerned.

import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe } from 'node:test';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import { toolImage } from './cluster/images.ts';
import { sharedCluster } from './shared-cluster.ts';
import { readyPods } from './workloads.ts';

interface EventObject {
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  readonly type: string;
  readonly source: { readonly component?: string; readonly host?: string };
  readonly involvedObject: { readonly kind: string; readonly name: string };
}

const container = {
  name: 'main',
  image: toolImage,
  imagePullPolicy: 'Never',
  command: ['podtool', 'pause'],
};

/** Of each node's range a handful of addresses is left. */
const excludedCidrs = [0, 1].flatMap((node) =>
  ['8/29', '16/28', '32/27', '64/26', '128/25'].map((rest) => `10.201.${node}.${rest}`),
);

describe('Events', () => {
  const shared = sharedCluster('heddle');
  let cluster: KubeCluster;

  before(async () => {
    if (reasonToSkip() !== undefined) return;
    cluster = shared();
    // Of other tests in this cluster.
    await cluster.api.kubectl('delete', 'events', '-A', '--field-selector=source=heddle');
  });

  async function events(reason: string): Promise<readonly EventObject[]> {
    const list = await cluster.api.get<{ items: readonly EventObject[] }>('events', '-A');
    return list.items.filter((event) => event.reason === reason);
  }

  const first = (reason: string): Promise<EventObject> =>
    cluster.api.waitFor(`an Event ${reason}`, async () => (await events(reason))[0]);

  const pod = (name: string): object => podWith(name, {}, {});

  const podWith = (name: string, annotations: object, more: object): object => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'default', name, annotations, labels: { app: 'events' } },
    spec: {
      nodeName: 'node-1',
      terminationGracePeriodSeconds: 1,
      containers: [container],
      ...more,
    },
  });

  const removePods = (): Promise<string> =>
    cluster.api.kubectl('delete', 'pods', '-l', 'app=events', '--ignore-not-found');

  rootTest('an invalid bandwidth annotation is named on its pod', async () => {
    const key = 'kubernetes.io/ingress-bandwidth';
    // containerd can neither start nor remove a pod with such an annotation: a volume that never comes keeps it from trying.
    const volumes = [{ name: 'never', configMap: { name: 'absent' } }];
    const containers = [{ ...container, volumeMounts: [{ name: 'never', mountPath: '/never' }] }];
    await cluster.api.apply([podWith('much', { [key]: 'much' }, { volumes, containers })]);
    try {
      const event = await first('InvalidAnnotation');
      assert.equal(event.message, `pod annotation ${key}: "much" is not a quantity`);
      assert.deepEqual([event.type, event.source.component], ['Warning', 'heddle']);
      assert.deepEqual([event.involvedObject.kind, event.involvedObject.name], ['Pod', 'much']);
      assert.match(
        await cluster.api.kubectl('describe', 'pod', 'much'),
        /InvalidAnnotation.*heddle/,
      );
    } finally {
      await removePods();
    }
    assert.equal((await events('InvalidAnnotation')).length, 1, 'however often it is looked at');
  });

  rootTest(
    "a configuration that sorts before heddle's is reported on its node, and not changed",
    async () => {
      const file = join(cluster.nodes.folder('node-1'), 'etc/cni/net.d/00-other.conflist');
      const text = '{"cniVersion":"1.0.0","name":"other","plugins":[{"type":"loopback"}]}';
      writeFileSync(file, text);
      try {
        const event = await first('CniConfigurationConflict');
        assert.match(event.message, /00-other\.conflist: sorts before 05-heddle\.conflist/);
        assert.deepEqual(
          [event.involvedObject.kind, event.involvedObject.name],
          ['Node', 'node-1'],
        );
        const described = await cluster.api.kubectl('describe', 'node', 'node-1');
        assert.match(described, /CniConfigurationConflict/);
      } finally {
        rmSync(file);
      }
      assert.equal((await events('CniConfigurationConflict')).length, 1);
    },
  );

  rootTest(
    'an exhausted pool is one Event however many pods wait, and they start after it',
    async () => {
      let isRestored = false;
      await cluster.installHeddle({ ipam: { excludedCidrs } });
      try {
        const names = Array.from({ length: 8 }, (_, index) => `waits-${index}`);
        await cluster.api.apply(names.map((name) => pod(name)));
        const event = await first('AddressPoolExhausted');
        assert.deepEqual(
          [event.involvedObject.kind, event.involvedObject.name],
          ['Node', 'node-1'],
        );
        assert.match(event.message, /10\.201\.\d+\.0\/24/);
        await cluster.api.waitFor('the kubelet failed for several', async () => {
          const failed = (await events('FailedCreatePodSandBox')).filter(({ involvedObject }) =>
            names.includes(involvedObject.name),
          );
          return failed.length >= 2;
        });
        assert.equal((await events('AddressPoolExhausted')).length, 1);
        await cluster.installHeddle();
        isRestored = true;
        await cluster.api.waitFor('the pods run', async () => {
          return (await readyPods(cluster, 'app=events')).length === names.length;
        });
      } finally {
        await removePods();
        if (!isRestored) await cluster.installHeddle();
      }
    },
  );
});
