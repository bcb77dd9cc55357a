// `heddle services` asks a running agent, whose cluster is a folder of manifests.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { agentPlace, eventuallyPasses, startAgent } from '../support/agent-process.ts';
import { rootTest } from '../support/root-test.ts';

const heddle = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

const manifests = (ready: boolean): string => `
apiVersion: v1
kind: Service
metadata: { namespace: shop, name: web }
spec: { type: NodePort, clusterIP: 10.96.0.10, externalIPs: [10.200.0.12], ports: [{ port: 80, nodePort: 30080 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { namespace: shop, name: web-a, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ port: 8080 }]
endpoints: [{ addresses: [10.201.2.7], nodeName: node-2, conditions: { ready: ${ready} } }]
`;

rootTest('the CLI shows Services, their backends and what a client gets', async (context) => {
  const place = agentPlace(context);
  const put = (ready: boolean): void =>
    writeFileSync(path.join(place.folder, 'cluster', 'web.yaml'), manifests(ready));
  put(true);
  await startAgent(context, place);
  const ask = (...words: readonly string[]): string =>
    execFileSync(process.execPath, [heddle, 'services', ...words, '--socket', place.socket], {
      encoding: 'utf8',
    });
  const list = ask();
  assert.match(list, /^Another program \(kube-proxy\) translates Services/);
  assert.match(
    list,
    /^shop\/web +NodePort +10\.96\.0\.10 10\.200\.0\.12 +80\/TCP\(node 30080\) +1 +1 +0$/m,
  );
  assert.match(list, /10\.200\.0\.12 port 80\/TCP is an address of node-2$/m);
  assert.match(ask('shop/web'), /^10\.201\.2\.7:8080 +ready +node-2 +- +yes$/m);
  const [{ name }] = JSON.parse(ask('web', '-o', 'json')) as [{ name: string }];
  assert.equal(name, 'shop/web');
  const way = ['explain', 'node', '10.200.0.11:30080'];
  assert.match(ask(...way), /10\.200\.0\.11:30080\/TCP: one of 1 backend$/m);
  put(false);
  await eventuallyPasses(() => assert.match(ask(...way), /: refused$/m));
  const wrong = spawnSync(
    process.execPath,
    [heddle, 'services', 'explain', 'shop/none', '10.96.0.10:80', '--socket', place.socket],
    { encoding: 'utf8' },
  );
  assert.deepEqual(
    [wrong.status, wrong.stderr],
    [
      1,
      'heddle: client: shop/none is not a pod of this node (namespace/name), `node` or an address\n',
    ],
  );
});
