// Records that were lost, made again by a new agent from what the kernel has: limits and host ports too.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import {
  type AgentPlace,
  agentPlace,
  get,
  podNamespace,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { shimTo } from '../support/execute-shim.ts';
import type { WrittenRequest } from '../support/malformed-requests.ts';
import { runIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const runtimeConfig = {
  bandwidth: { ingressRate: 8e6, egressRate: 4e6, egressBurst: 8e5 },
  portMappings: [
    { hostPort: 8080, containerPort: 80, protocol: 'tcp' },
    { hostPort: 443, containerPort: 8443, protocol: 'tcp', hostIP: '::' },
    { hostPort: 53, containerPort: 5353, protocol: 'udp', hostIP: '10.200.0.11' },
  ],
};

interface Kernel {
  readonly endpoint: Record<string, unknown>;
  readonly rules: string;
  readonly queues: string;
}

async function look(place: AgentPlace): Promise<Kernel> {
  const [endpoint] = JSON.parse((await get(place, '/v1/endpoints')).text);
  const { traffic: _, ...rest } = endpoint;
  return {
    endpoint: rest,
    rules: runIn(place.namespace, 'nft', '-s', 'list', 'table', 'inet', 'heddle'),
    queues: runIn(place.namespace, 'tc', 'qdisc', 'show'),
  };
}

rootTest('a lost record gets its limits and host ports back from the kernel', async (context) => {
  const place = agentPlace(context);
  let agent = await startAgent(context, place);
  const pod = podNamespace(context);
  const execute = shimTo(place.socket, pod.path);
  const added = await execute({ configuration: { runtimeConfig } });
  assert.equal(added.exitCode, 0, added.stdout);
  const check: WrittenRequest = {
    environment: { CNI_COMMAND: 'CHECK' },
    configuration: { prevResult: JSON.parse(added.stdout) },
  };
  const before = await look(place);
  const folder = path.join(place.stateDir, 'endpoints');
  const [name = ''] = fs.readdirSync(folder);
  const record = path.join(folder, name);
  const restartWith = async (damage: () => void): Promise<string> => {
    await agent.end('SIGTERM');
    damage();
    agent = await startAgent(context, place);
    const { health, tables } = await status(place);
    const writes = tables.filter(({ writes: { set, deleted } }) => set + deleted > 0);
    assert.deepEqual(writes, []);
    return health.reasons.join();
  };

  const told = await restartWith(() => fs.truncateSync(record, fs.statSync(record).size - 4));
  assert.match(told, /made again from what the kernel has of the pod, which keeps its network$/);
  assert.deepEqual(await look(place), before);
  assert.deepEqual(await execute(check), { exitCode: 0, stdout: '', stderr: '' });

  const toldMore = await restartWith(() => fs.truncateSync(record, 0));
  assert.match(
    toldMore,
    /keeps its network; lost: container id, path of its namespace, [^,]*, name of the pod, if it had one$/,
  );
  const after = await look(place);
  const { bandwidth, portMappings } = before.endpoint;
  assert.deepEqual(after.endpoint['portMappings'], portMappings);
  assert.deepEqual(after.endpoint['bandwidth'], bandwidth);
  assert.deepEqual(bandwidth, {
    ingress: { bitsPerSecond: 8e6 },
    egress: { bitsPerSecond: 4e6, burstBits: 8e5 },
  });
  assert.deepEqual([after.rules, after.queues], [before.rules, before.queues]);
  const deleted = await execute({ environment: { CNI_COMMAND: 'DEL' } });
  assert.deepEqual(deleted, { exitCode: 0, stdout: '', stderr: '' });
  assert.deepEqual(JSON.parse((await get(place, '/v1/endpoints')).text), []);
});
