import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { parseAddress } from '../net/address.ts';
import { renderCluster, writeCluster } from './cluster-files.ts';
import { parseManifest } from './manifests.ts';
import { generatedNodes } from './nodes.ts';

const text = `# the shop
kind: Namespace
metadata: {name: shop}
---
kind: Pod
metadata: {name: a, namespace: shop}
spec: {containers: [{image: heddle-echo}]}
`;
const facts = {
  uid: '6f0c',
  node: 'node-1',
  nodeAddress: parseAddress('192.0.2.1'),
  addresses: [parseAddress('198.51.100.2'), parseAddress('2001:db8::2')],
};

function objects(rendered: string | undefined): unknown[] {
  return parseAllDocuments(rendered ?? '').map((document) => document.toJS() as unknown);
}

test('a pod gets its node and addresses, other objects stay unchanged', () => {
  const files = [parseManifest('shop.yaml', text)];
  const rendered = renderCluster(files, new Map([['shop/a', facts]]), []);
  const [namespace, pod] = objects(rendered.get('shop.yaml'));
  assert.deepEqual(namespace, { kind: 'Namespace', metadata: { name: 'shop' } });
  assert.deepEqual(pod, {
    kind: 'Pod',
    metadata: { name: 'a', namespace: 'shop', uid: '6f0c' },
    spec: { containers: [{ image: 'heddle-echo' }], nodeName: 'node-1' },
    status: {
      phase: 'Running',
      hostIP: '192.0.2.1',
      podIP: '198.51.100.2',
      podIPs: [{ ip: '198.51.100.2' }, { ip: '2001:db8::2' }],
    },
  });
});

test('rendering again with other facts starts from the original', () => {
  const files = [parseManifest('shop.yaml', text)];
  renderCluster(files, new Map([['shop/a', facts]]), []);
  const again = renderCluster(files, new Map([['shop/a', { ...facts, addresses: [] }]]), []);
  assert.deepEqual((objects(again.get('shop.yaml'))[1] as { status: unknown }).status, {
    phase: 'Pending',
  });
});

test('a file that is not YAML reaches the agents unchanged', () => {
  const files = [parseManifest('shop.yaml', 'kind: [')];
  assert.equal(renderCluster(files, new Map(), []).get('shop.yaml'), 'kind: [');
});

test('generated nodes have a file of their own', () => {
  const rendered = renderCluster([], new Map(), generatedNodes(2));
  const nodes = objects(rendered.get('heddle-lab-nodes.yaml'));
  assert.deepEqual(
    nodes.map((node) => (node as { metadata: { name: string } }).metadata.name),
    ['node-1', 'node-2'],
  );
});

test('the directory is updated: changed files are replaced, unchanged ones left alone, others removed', () => {
  const directory = mkdtempSync(join(tmpdir(), 'heddle-cluster-'));
  try {
    writeCluster(directory, new Map(Object.entries({ 'a.yaml': '1', 'b.yaml': '2' })));
    const before = statSync(join(directory, 'a.yaml')).ino;
    writeCluster(directory, new Map(Object.entries({ 'a.yaml': '1', 'c.yaml': '3' })));
    assert.deepEqual(readdirSync(directory).sort(), ['a.yaml', 'c.yaml']);
    assert.equal(statSync(join(directory, 'a.yaml')).ino, before);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
