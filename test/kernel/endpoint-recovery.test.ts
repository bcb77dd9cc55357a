// Records that were lost and that a new agent rebuilds from the kernel's state. Limits and host ports are lost with them, and the
// agent says so until the runtime adds the pod again.

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

const limits = {
  ingress: { bitsPerSecond: 8e6 },
  egress: { bitsPerSecond: 4e6, burstBits: 8e5 },
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

rootTest(
  'a pod with a lost record has no limits or host ports until it is added again',
  async (context) => {
    const place = agentPlace(context);
    let agent = await startAgent(context, place);
    const pod = podNamespace(context);
    const execute = shimTo(place.socket, pod.path);
    const add = async (): Promise<WrittenRequest> => {
      const { exitCode, stdout } = await execute({ configuration: { runtimeConfig } });
      assert.equal(exitCode, 0, stdout);
      const prevResult: unknown = JSON.parse(stdout);
      return { environment: { CNI_COMMAND: 'CHECK' }, configuration: { prevResult } };
    };
    const check = await add();
    const before = await look(place);
    assert.deepEqual(before.endpoint['bandwidth'], limits);
    const folder = path.join(place.stateDir, 'endpoints');
    const [name = ''] = fs.readdirSync(folder);
    const record = path.join(folder, name);
    const restartWith = async (damage: () => void): Promise<readonly string[]> => {
      await agent.end('SIGTERM');
      damage();
      agent = await startAgent(context, place);
      return (await status(place)).health.reasons;
    };

    const lost =
      / was lost and has been rebuilt .* keeps its network, but loses any limits and host ports/;
    const told = await restartWith(() => fs.truncateSync(record, fs.statSync(record).size - 4));
    assert.match(told[0] ?? '', /set aside as hd.*, rebuilt from the kernel's state$/);
    assert.match(told[1] ?? '', lost);
    const after = await look(place);
    const { id, addresses, mac, containerId, hostIfIndex } = before.endpoint;
    const kept = { id, addresses, mac, containerId, hostIfIndex, isRecovered: true };
    assert.deepEqual({ ...after.endpoint, ...kept }, after.endpoint);
    const { bandwidth, portMappings } = after.endpoint;
    assert.deepEqual([bandwidth, portMappings], [undefined, undefined]);
    assert.doesNotMatch(after.queues, /dev hdq/);
    assert.doesNotMatch(after.rules, /8080|8443|5353/);
    const { exitCode, stdout } = await execute(check);
    assert.equal(exitCode, 1);
    assert.match(stdout, new RegExp(`"code":100.*${lost.source}`));

    // Also records that were not damaged since then.
    assert.match((await restartWith(() => undefined)).join(), lost);
    // The same if nothing can be read.
    const toldMore = await restartWith(() => fs.truncateSync(record, 0));
    assert.match(toldMore[1] ?? '', lost);
    const nameless = await look(place);
    assert.deepEqual(nameless.endpoint['addresses'], addresses);
    assert.match(String(nameless.endpoint['containerId']), /^unknown-hd/);

    // A runtime does this with a pod that fails CHECK.
    const deleted = await execute({ environment: { CNI_COMMAND: 'DEL' } });
    assert.deepEqual(deleted, { exitCode: 0, stdout: '', stderr: '' });
    const checkAgain = await add();
    const again = await look(place);
    assert.deepEqual(again.endpoint['bandwidth'], limits);
    assert.deepEqual(again.endpoint['portMappings'], before.endpoint['portMappings']);
    for (const port of ['8080', '8443', '5353']) assert.ok(again.rules.includes(port), port);
    assert.deepEqual(await execute(checkAgain), { exitCode: 0, stdout: '', stderr: '' });
    assert.doesNotMatch((await status(place)).health.reasons.join(), lost);
  },
);
