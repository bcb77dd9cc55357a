import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readObject, resources } from './resources.ts';

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'web-1',
    namespace: 'shop',
    uid: 'u1',
    labels: { app: 'web' },
    annotations: {
      'kubectl.kubernetes.io/last-applied-configuration': '{"env":"hunter2"}',
      'kubernetes.io/ingress-bandwidth': '10M',
    },
    managedFields: [{ manager: 'kubelet' }],
  },
  spec: {
    nodeName: 'node-1',
    serviceAccountName: 'web',
    imagePullSecrets: [{ name: 'registry' }],
    volumes: [{ name: 'v', secret: { secretName: 'db' } }],
    initContainers: [{ name: 'init', env: [{ name: 'A', value: 'hunter2' }] }],
    containers: [
      {
        name: 'main',
        image: 'web:1',
        command: ['web', '--password=hunter2'],
        args: ['hunter2'],
        env: [{ name: 'PASSWORD', value: 'hunter2' }],
        envFrom: [{ secretRef: { name: 'db' } }],
        ports: [{ name: 'http', containerPort: 8080 }],
      },
      { name: 'sidecar', env: [{ name: 'PASSWORD', value: 'hunter2' }] },
    ],
  },
  status: { phase: 'Running', podIP: '192.0.2.7', podIPs: [{ ip: '192.0.2.7' }] },
};

test('of a Pod the agent keeps what it uses: no environment, command, volume, image or foreign annotation', () => {
  const kept = JSON.parse(JSON.stringify(readObject('Pod', 'shop/web-1', pod)));
  assert.deepEqual(Object.keys(kept).sort(), [
    'addresses',
    'annotations',
    'containers',
    'hostNetwork',
    'labels',
    'name',
    'namespace',
    'node',
    'phase',
    'uid',
  ]);
  assert.deepEqual(kept.annotations, { 'kubernetes.io/ingress-bandwidth': '10M' });
  assert.deepEqual(kept.containers, [
    { name: 'main', command: [], args: [], ports: [{ name: 'http', protocol: 'TCP', port: 8080 }] },
  ]);
});

test('pods of one node alone are chosen by the server', () => {
  const selectorsOf = (podsOf?: string): unknown =>
    resources({ podsOf }).find(({ kind }) => kind === 'Pod')?.selectors;
  assert.deepEqual(selectorsOf(), {});
  assert.deepEqual(selectorsOf('node-1'), { fieldSelector: 'spec.nodeName=node-1' });
  assert.equal(resources({ podsOf: 'node-1' }).length, resources().length);
});
