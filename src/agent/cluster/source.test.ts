import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { UndoStack } from '../../base/undo.ts';
import type { ModelConfig } from '../../model/desired.ts';
import { clusterParts } from './source.ts';

const model: ModelConfig = {
  ...{ nodeName: 'n1', mode: 'native', masquerade: true, nonMasqueradeCidrs: [] },
  vxlan: { port: 4789, vni: 1 },
};

test('the addresses to keep reachable are those of the API server and of its proxy', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-cluster-source-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const kubeconfig = join(folder, 'config');
  const cluster = { server: 'https://192.0.2.1:6443', 'proxy-url': 'http://192.0.2.9:3128' };
  writeFileSync(
    kubeconfig,
    stringify({
      clusters: [{ name: 'test', cluster }],
      users: [{ name: 'test', user: { token: 'x' } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
      'current-context': 'test',
    }),
  );
  const owned = new UndoStack();
  const settings = { kubeconfig, apiServers: ['https://192.0.2.2:6443'], remotePodNames: false };
  const { apiServers } = clusterParts(
    { kubernetes: settings },
    { model, owned, routes: { list: () => [] } },
  );
  assert.deepEqual(await apiServers?.(), [
    'https://192.0.2.2:6443',
    'https://192.0.2.1:6443',
    'http://192.0.2.9:3128',
  ]);
});
