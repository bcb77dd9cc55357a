// The whole way of a verb: the built shim, the agent's unix socket, a pod's interface in the kernel.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { listenApi } from '../../src/agent/server/api.ts';
import { answerCni } from '../../src/agent/server/cni.ts';
import { type CniSources, listenCni } from '../../src/agent/server/cni-socket.ts';
import { ApiConnections, connectionLimits } from '../../src/agent/server/connections.ts';
import { cniSocketOf } from '../../src/api/socket.ts';
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

/** Serves the node's pods as the agent does; returns the API's socket. */
async function serve(context: TestContext, node: TestNode): Promise<string> {
  const directory = mkdtempSync(path.join(tmpdir(), 'heddle-cni-shim-'));
  const socket = path.join(directory, 'agent.sock');
  const connections = new ApiConnections(connectionLimits());
  const cni: CniSources['cni'] = async (body) =>
    (await answerCni(node.pods, silentLogger, body)).answer;
  const api = await listenApi(socket, {
    log: silentLogger,
    health: { notReady: () => undefined },
    metrics: async () => ({ contentType: 'text/plain', text: '' }),
    flows: new FlowLog(),
    status: () => ({ node: 'node-1' }) as NodeStatus,
    endpoints: () => [],
    services: {
      list: () => [],
      find: () => [],
      explain: () => assert.fail(),
      connections: () => assert.fail(),
    },
    nodes: () => [],
    maps: () => ({ maps: [] }),
    kernel: () => ({ links: [], addresses: [], routes: [], neighbours: [] }),
    dumpMap: async () => undefined,
    cni,
  });
  const beside = cniSocketOf(socket);
  const shims = await listenCni(beside, { log: silentLogger, cni }, connections);
  context.after(() => {
    for (const server of [api, shims]) {
      server.close();
      server.closeAllConnections();
    }
    rmSync(directory, { recursive: true });
  });
  return socket;
}

/** As a runtime does, with the socket in the network configuration. */
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

rootTest('20 concurrent shims get 20 pods, and leave nothing', async (context) => {
  const node = makeNode(context);
  const agentSocket = await serve(context, node);
  const pods = Array.from({ length: 20 }, () => makePod(context));
  const before = footprint(node);
  const added = await Promise.all(pods.map((pod) => execute('ADD', pod, { agentSocket })));
  const addresses = added.map(({ json }) => JSON.stringify(json?.['ips']));
  assert.equal(new Set(addresses).size, 20);
  const deleted = await Promise.all(pods.map((pod) => execute('DEL', pod, { agentSocket })));
  assert.ok([...added, ...deleted].every(({ exitCode }) => exitCode === 0));
  // The sockets of the last shims close asynchronously.
  await waitUntil(() => isDeepStrictEqual(footprint(node), before));
});

/** A verb as the executable of the previous version sends it: HTTP on the API's socket. */
async function executeOlder(verb: string, pod: TestPod, socket: string): Promise<string> {
  const environment = [
    `CNI_COMMAND=${verb}`,
    `CNI_CONTAINERID=${pod.containerId}`,
    `CNI_NETNS=${pod.path}`,
    'CNI_IFNAME=eth0',
    'CNI_PATH=/opt/cni/bin',
  ];
  const configuration = JSON.stringify({ cniVersion: '1.0.0', name: 'heddle', type: 'heddle' });
  const body = `${environment.join('\0')}\0\0${configuration}`;
  const head = [
    'POST /v1/cni HTTP/1.1',
    'Host: heddle',
    'Content-Type: application/octet-stream',
    `Content-Length: ${body.length}`,
    'Connection: close',
  ];
  let answer = '';
  const connection = connect(socket);
  connection.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  for await (const chunk of connection) answer += String(chunk);
  return answer;
}

rootTest('an installed shim of the version before adds and deletes a pod', async (context) => {
  const node = makeNode(context);
  const socket = await serve(context, node);
  const pod = makePod(context);
  const added = await executeOlder('ADD', pod, socket);
  assert.match(added, /^HTTP\/1\.1 200 OK\r\n/);
  const [, length = ''] = /\r\ncontent-length: (\d+)\r\nheddle-exit: 0\r\n/.exec(added) ?? [];
  const [, body = ''] = added.split('\r\n\r\n');
  assert.equal(body.length, Number(length));
  assert.match(body, /"address":"10.201.1.2\/32"/);
  // The other direction: one shim adds, the next one deletes.
  assert.equal((await execute('DEL', pod, { agentSocket: socket })).exitCode, 0);
  assert.match(
    await executeOlder('DEL', pod, socket),
    /\r\ncontent-length: 0\r\nheddle-exit: 0\r\n/,
  );
});
