import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { stringify } from 'yaml';
import type { ArchiveFile } from './archive.ts';
import { clusterDump } from './cluster-dump.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-test-dump-'));
});
after(() => rmSync(folder, { recursive: true }));

type Answer = readonly [status: number, body: object];

const refusal: Answer = [403, { kind: 'Status', message: 'pods is forbidden' }];

/** The cluster dump from an API server with these answers. */
async function dump(answer: (path: string) => Answer): Promise<readonly ArchiveFile[]> {
  const server: Server = createServer((request, response) => {
    const [status, body] = answer(new URL(request.url ?? '', 'http://api').pathname);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const kubeconfig = join(folder, 'config');
  const text = stringify({
    clusters: [
      {
        name: 'test',
        cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true },
      },
    ],
    users: [{ name: 'test', user: {} }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  });
  writeFileSync(kubeconfig, text);
  try {
    return await clusterDump({ kubeconfig, namespace: 'kube-system', onProgress: () => undefined });
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

test("without permission to list pods, the error has the API server's words", async () => {
  await assert.rejects(
    dump(() => refusal),
    { name: 'CommandError', message: "the agents' pods cannot be listed: pods is forbidden" },
  );
});

test('a namespace without agents is named', async () => {
  await assert.rejects(
    dump(() => [200, { kind: 'PodList', items: [] }]),
    /^CommandError: no pod in namespace kube-system has the label app\.kubernetes\.io\/name=heddle$/,
  );
});

test('a node that cannot be queried and an object that may not be read are files with the reason', async () => {
  const pod = {
    metadata: { name: 'heddle-1', annotations: { 'example.com/token': 'planted' } },
    spec: { nodeName: 'node-1' },
    status: {},
  };
  const files = await dump((path) =>
    path.endsWith('/pods') ? [200, { kind: 'PodList', items: [pod] }] : refusal,
  );
  const paths = files.map(({ path }) => path);
  for (const path of ['nodes/node-1/dump', 'nodes/node-1/agent.log', 'cluster/nodes.json'])
    assert.ok(paths.includes(`${path}.missing`), `${path}: ${paths.join(' ')}`);
  const pods = files.find(({ path }) => path === 'cluster/pods.json');
  assert.match(pods?.content ?? '', /"example\.com\/token": "<removed>"/);
});
