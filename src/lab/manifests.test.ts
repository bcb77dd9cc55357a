import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseManifest } from './manifests.ts';

const pod = `
kind: Pod
metadata: { name: web-1, namespace: shop }
spec:
  nodeName: node-2
  containers:
    - image: busybox
      command: [sleep, infinity]
      args: ["-v"]
      env: [{ name: COLOUR, value: blue }, { name: COUNT, value: 3 }]
`;

test('a pod is read with its node, command and environment', () => {
  assert.deepEqual(parseManifest('web.yaml', pod).pods, [
    {
      key: 'shop/web-1',
      namespace: 'shop',
      name: 'web-1',
      node: 'node-2',
      hostNetwork: false,
      file: 'web.yaml',
      command: ['sleep', 'infinity', '-v'],
      environment: { COLOUR: 'blue', COUNT: '3' },
    },
  ]);
});

test('a pod without a command, or with the image heddle-echo, runs the echo server', () => {
  const texts = [
    'kind: Pod\nmetadata: {name: a}\nspec: {containers: [{image: nginx}]}',
    'kind: Pod\nmetadata: {name: a}\nspec: {containers: [{image: heddle-echo, command: [x]}]}',
  ];
  for (const text of texts) {
    const [read] = parseManifest('a.yaml', text).pods;
    assert.equal(read?.command, undefined);
    assert.equal(read?.key, 'default/a');
  }
});

test('a node is read with its internal addresses and pod ranges', () => {
  const text = `
kind: Node
metadata: { name: n }
spec: { podCIDRs: [192.0.2.0/26, "2001:db8:1::/64"] }
status: { addresses: [{ type: Hostname, address: n }, { type: InternalIP, address: 198.51.100.7 }] }`;
  assert.deepEqual(parseManifest('n.yaml', text).nodes, [
    { name: 'n', addresses: ['198.51.100.7'], podCidrs: ['192.0.2.0/26', '2001:db8:1::/64'] },
  ]);
});

test('a file that is not YAML has a problem and no documents', () => {
  const file = parseManifest('web.yaml', 'kind: [Pod\n');
  assert.equal(file.documents, undefined);
  assert.match(file.problems[0] ?? '', /^web\.yaml: /);
});

test('one invalid pod does not hide the others of its file', () => {
  const file = parseManifest('web.yaml', `kind: Pod\nmetadata: {}\nspec: {}\n---\n${pod}`);
  assert.deepEqual(
    file.pods.map(({ key }) => key),
    ['shop/web-1'],
  );
  assert.match(file.problems[0] ?? '', /^web\.yaml, document 1: metadata\.name/);
});

test('objects of other kinds and empty documents are left to the agents', () => {
  const file = parseManifest('a.yaml', 'kind: Service\nmetadata: {name: s}\n---\n---\n# nothing\n');
  assert.deepEqual([file.pods, file.nodes, file.problems], [[], [], []]);
});
