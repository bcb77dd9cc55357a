// The whole way of a verb: the built shim, the agent's API on its unix socket, a pod's interface in the kernel.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { listenApi } from '../../src/agent/server/api.ts';
import { answerCni } from '../../src/agent/server/cni.ts';
import type { NodeStatus } from '../../src/api/status.ts';
import { FlowLog } from '../../src/observe/flow-log.ts';
import {
  footprint,
  makeNode,
  makePod,
  type TestNode,
  type TestPod,
  waitUntil,
} from '../support/cni-node.ts';
import { executeShim } from '../support/execute-shim.ts';
import { rootTest } from '../support/root-test.ts';
import { silentLogger } from '../support/silent-logger.ts';

/** Serves the node's pods as the agent does; returns the socket. */
async function serve(context: TestContext, node: TestNode): Promise<string> {
  const directory = mkdtempSync(path.join(tmpdir(), 'heddle-cni-shim-'));
  const socket = path.join(directory, 'agent.sock');
  const server = await listenApi(socket, {
    log: silentLogger,
    health: { notReady: () => undefined },
    metrics: async () => ({ contentType: 'text/plain', text: '' }),
    flows: new FlowLog(),
    status: () => ({ node: 'node-1' }) as NodeStatus,
    endpoints: () => [],
    nodes: () => [],
    maps: () => ({ maps: [] }),
    kernel: () => ({ links: [], addresses: [], routes: [], neighbours: [] }),
    dumpMap: async () => undefined,
    cni: async (body) => (await answerCni(node.pods, silentLogger, body)).answer,
  });
  context.after(() => {
    server.close();
    server.closeAllConnections();
    rmSync(directory, { recursive: true });
  });
  return socket;
}

/** As a runtime does it, with the socket in the network configuration. */
async function execute(verb: string, pod: TestPod, configuration: object): Promise<Execution> {
  const environment = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: pod.containerId,
    CNI_NETNS: pod.path,
    CNI_IFNAME: 'eth0',
    CNI_PATH: '/opt/cni/bin',
  };
  const input = JSON.stringify({ cniVersion: '1.0.0', name: 'heddle', ...configuration });
  const { exitCode, stdout } = await executeShim(environment, input);
  return { exitCode, json: stdout === '' ? undefined : JSON.parse(stdout) };
}

interface Execution {
  readonly exitCode: number | null;
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

rootTest('a pod is added, checked and deleted through the shim', async (context) => {
  const node = makeNode(context);
  const agentSocket = await serve(context, node);
  const pod = makePod(context);
  const added = await execute('ADD', pod, { agentSocket });
  assert.equal(added.exitCode, 0, JSON.stringify(added.json));
  assert.deepEqual(added.json?.['ips'], [
    { address: '10.201.1.2/32', gateway: '169.254.1.1', interface: 1 },
    { address: 'fd00:201:1::2/128', gateway: 'fe80::1', interface: 1 },
  ]);
  const prevResult = added.json;
  const empty = { exitCode: 0, json: undefined };
  assert.deepEqual(await execute('CHECK', pod, { agentSocket, prevResult }), empty);
  assert.deepEqual(await execute('DEL', pod, { agentSocket, prevResult }), empty);
  const gone = await execute('CHECK', pod, { agentSocket, prevResult });
  assert.equal(gone.exitCode, 1);
  assert.deepEqual([gone.json?.['cniVersion'], gone.json?.['code']], ['1.0.0', 3]);
});

rootTest('20 shims at once get 20 pods, and leave nothing', async (context) => {
  const node = makeNode(context);
  const agentSocket = await serve(context, node);
  const pods = Array.from({ length: 20 }, () => makePod(context));
  const before = footprint(node);
  const added = await Promise.all(pods.map((pod) => execute('ADD', pod, { agentSocket })));
  const addresses = added.map(({ json }) => JSON.stringify(json?.['ips']));
  assert.equal(new Set(addresses).size, 20);
  const deleted = await Promise.all(pods.map((pod) => execute('DEL', pod, { agentSocket })));
  assert.ok([...added, ...deleted].every(({ exitCode }) => exitCode === 0));
  // The sockets of the last shims close in their own time.
  await waitUntil(() => isDeepStrictEqual(footprint(node), before));
});
