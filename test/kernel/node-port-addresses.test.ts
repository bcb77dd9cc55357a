// services.nodePortAddresses, with a running agent and a client in the node's network.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import {
  type AgentPlace,
  agentPlace,
  eventuallyPasses,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { testCgroup } from '../support/bpf.ts';
import { ipIn, placeOf, spawnIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const manifest = `
apiVersion: v1
kind: Service
metadata: { namespace: shop, name: web }
spec: { type: NodePort, clusterIP: 10.96.0.10, ports: [{ port: 80, nodePort: 30080 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { namespace: shop, name: web-a, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ port: 8080 }]
endpoints: [{ addresses: [10.200.0.11], nodeName: node-1, conditions: { ready: true } }]
`;

const server =
  "require('node:http').createServer((_, answer) => answer.end('backend')).listen(8080)";

/** A node with a second address and a backend, and a client beside it. */
async function place(
  context: TestContext,
  addresses: string,
): Promise<AgentPlace & { readonly client: NetworkNamespace }> {
  const services = `services: { mode: on, nodePortAddresses: ${addresses} }\n`;
  const there = agentPlace(context, `cgroupRoot: ${testCgroup(context)}\n${services}`);
  const client = testNamespace(context);
  const { namespacePath } = placeOf(client);
  ipIn(there.namespace, `link set wire netns ${namespacePath}`);
  ipIn(there.namespace, 'address add 10.200.0.21/24 dev eth0');
  ipIn(client, 'link set lo up', 'link set wire up', 'address add 10.200.0.99/24 dev wire');
  const backend = spawnIn(there.namespace, process.execPath, ['-e', server]);
  context.after(() => void backend.kill());
  writeFileSync(path.join(there.folder, 'cluster', 'web.yaml'), manifest);
  await startAgent(context, there);
  return { ...there, client };
}

function ask(client: NetworkNamespace, address: string): string {
  const inside = `--net=${placeOf(client).namespacePath}`;
  const words = ['curl', '-s', '-m', '2', `http://${address}:30080/`];
  const { status: code, stdout } = spawnSync('nsenter', [inside, ...words], { encoding: 'utf8' });
  // curl(1): 7 is a refused connection.
  return code === 0 ? stdout : code === 7 ? 'refused' : `exit code ${code}`;
}

for (const [addresses, expected] of [
  ['[]', ['backend', 'backend']],
  ['[10.200.0.21/32]', ['refused', 'backend']],
  ['[primary]', ['backend', 'refused']],
] as const)
  rootTest(`with nodePortAddresses ${addresses}, node ports answer there`, async (context) => {
    const { client } = await place(context, addresses);
    await eventuallyPasses(() =>
      assert.deepEqual(
        ['10.200.0.11', '10.200.0.21'].map((address) => ask(client, address)),
        expected,
      ),
    );
  });

rootTest('ranges that are not of this node are named', async (context) => {
  const there = await place(context, '[192.0.2.0/24]');
  const { problems } = (await status(there)).health;
  assert.deepEqual(
    problems.map(({ text }) => text),
    [
      'services.nodePortAddresses: 192.0.2.0/24: this node has no address in these ranges, so node ports answer nowhere',
    ],
  );
  assert.equal(ask(there.client, '10.200.0.11'), 'refused');
});
