// Full maps, at their minimum sizes: entries that do not fit are refused by name, existing ones keep working, and with
// free space everything recovers by itself.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import {
  type AgentPlace,
  agentPlace,
  cniBeside,
  eventuallyPasses,
  get,
  type PodNetns,
  podNamespace,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { runIn } from '../support/namespaces.ts';
import { nodeInventory } from '../support/node-inventory.ts';
import { rootTest } from '../support/root-test.ts';

const smallest = 'endpointEntries: 8\naddressEntries: 64\nrouteEntries: 64\nflowEntries: 1024\n';

function ping({ namespace }: Pick<PodNetns, 'namespace'>, address: string): void {
  const said = runIn(namespace, 'busybox', 'ping', '-c', '2', '-i', '0.01', '-W', '2', address);
  assert.match(said, /2 packets received/);
}

async function added(place: AgentPlace, pod: PodNetns, containerId: string): Promise<string> {
  const end = await cniBeside(place, { verb: 'ADD', containerId, netns: pod.path });
  assert.equal(end.exitCode, 0, JSON.stringify(end.answer));
  return end.answer?.ips?.[0]?.address.split('/')[0] ?? '';
}

function fill(place: AgentPlace, name: string): Promise<readonly [number | undefined, number]> {
  return status(place).then(({ maps }) => {
    const found = maps.find((map) => map.name === name) ?? assert.fail(name);
    return [found.entries, found.maxEntries];
  });
}

rootTest('a node full of endpoints refuses the next until one is deleted', async (context) => {
  const place = agentPlace(context, `${smallest}ipam: { cooldownMs: 0 }\n`);
  await startAgent(context, place);
  const pods = Array.from({ length: 9 }, () => podNamespace(context));
  const [first, second] = pods;
  const last = pods.at(-1);
  assert(first !== undefined && second !== undefined && last !== undefined);
  const addresses: string[] = [];
  for (const [index, pod] of pods.slice(0, 8).entries()) {
    addresses.push(await added(place, pod, `pod-${index}`));
  }
  const before = nodeInventory(place);
  const call = { containerId: 'pod-8', netns: last.path };
  const refused = await cniBeside(place, { verb: 'ADD', ...call });
  assert.equal(refused.answer?.code, 11);
  assert.match(refused.answer.msg ?? '', /the data path has no room for another endpoint \(8\)/);
  assert.match(JSON.stringify(refused.answer), /raise endpointEntries/);
  const { exitCode, answer } = await cniBeside(place, { verb: 'STATUS', ...call });
  assert.deepEqual([exitCode, answer?.code], [1, 50]);
  assert.deepEqual(nodeInventory(place), before);
  assert.deepEqual(await fill(place, 'endpoints'), [8, 8]);
  ping(first, addresses[7] ?? '');
  await cniBeside(place, { verb: 'DEL', containerId: 'pod-1', netns: second.path });
  ping(first, await added(place, last, 'pod-8'));
});

rootTest(
  'a full address map is named with its key, and fitting pods are not affected',
  async (context) => {
    const place = agentPlace(context, smallest);
    await startAgent(context, place);
    const [one, two, three] = [1, 2, 3].map(() => podNamespace(context));
    assert(one !== undefined && two !== undefined && three !== undefined);
    await added(place, one, 'one');
    const address = await added(place, two, 'two');
    const own = nodeInventory(place).maps['addresses']?.length ?? 0;
    const extra = Array.from({ length: 64 - own }, (_, index) => `10.200.9.${index + 1}/32`);
    for (const each of extra) runIn(place.namespace, 'ip', 'address', 'add', each, 'dev', 'eth0');
    await eventuallyPasses(async () => assert.deepEqual(await fill(place, 'addresses'), [64, 64]));
    const call = { containerId: 'three', netns: three.path };
    const refused = await cniBeside(place, { verb: 'ADD', ...call });
    const text =
      /addresses: E2BIG \(the map is full: 64 entries\): raise addressEntries in the conf/;
    assert.match(refused.answer?.msg ?? '', text);
    assert.equal((await status(place)).endpoints, 2);
    ping(one, address);

    // Now the node itself: it stays degraded, and reports it.
    runIn(place.namespace, 'ip', 'address', 'add', '10.200.10.1/32', 'dev', 'eth0');
    await eventuallyPasses(async () => {
      const { health, tables } = await status(place);
      assert.equal(health.state, 'degraded');
      assert.match(JSON.stringify(tables), text);
    });
    ping(one, address);
    for (const each of extra) runIn(place.namespace, 'ip', 'address', 'del', each, 'dev', 'eth0');
    await eventuallyPasses(
      async () => assert.equal((await status(place)).health.state, 'healthy'),
      10_000,
    );
    ping(one, await added(place, three, 'three'));
  },
);

rootTest('a full route map is named with its key, and pods are not affected', async (context) => {
  const place = agentPlace(context, smallest);
  await startAgent(context, place);
  const [one, two] = [1, 2].map(() => podNamespace(context));
  assert(one !== undefined && two !== undefined);
  await added(place, one, 'one');
  const address = await added(place, two, 'two');
  const more = path.join(place.folder, 'cluster', 'more.yaml');
  fs.writeFileSync(more, Array.from({ length: 64 }, (_, index) => nodeYaml(index)).join('---\n'));
  await eventuallyPasses(async () => {
    const { health, tables } = await status(place);
    assert.equal(health.state, 'degraded');
    assert.match(
      JSON.stringify(tables),
      /routes: ENOSPC \(the map is full: 64 entries\): raise routeEntries in the configuration/,
    );
  });
  assert.deepEqual(await fill(place, 'routes'), [64, 64]);
  ping(one, address);
  fs.rmSync(more);
  await eventuallyPasses(
    async () => assert.equal((await status(place)).health.state, 'healthy'),
    10_000,
  );
  const routes = nodeInventory(place).maps['routes'] ?? [];
  assert.equal(routes.length, 4, 'two of this node, two of the other');
});

function nodeYaml(index: number): string {
  return `apiVersion: v1
kind: Node
metadata: { name: more-${index} }
spec: { podCIDRs: [10.202.${index}.0/24] }
status: { addresses: [{ type: InternalIP, address: 10.200.0.${100 + index} }] }
`;
}

rootTest(
  'a full flow table evicts the oldest flows, and packets are not affected',
  async (context) => {
    const place = agentPlace(context, smallest);
    await startAgent(context, place);
    const [one, two] = [1, 2].map(() => podNamespace(context));
    assert(one !== undefined && two !== undefined);
    await added(place, one, 'one');
    const address = await added(place, two, 'two');
    // Each datagram has its own port.
    const send = `
    const { createSocket } = require('node:dgram');
    const next = (left) => {
      if (left === 0) return;
      const socket = createSocket('udp4');
      socket.send('x', 9, '${address}', () => { socket.close(); next(left - 1); });
    };
    next(4000);`;
    runIn(one.namespace, process.execPath, '-e', send);
    const flows = nodeInventory(place).maps['flows'] ?? [];
    assert.ok(flows.length > 500 && flows.length <= 1024, `${flows.length} flows`);
    ping(one, address);
    assert.deepEqual((await status(place)).health, { state: 'healthy', reasons: [], problems: [] });
    const egress = (await get(place, '/metrics')).text;
    const packets = /^heddle_pod_packets_total\{direction="egress"\} (\d+)$/m.exec(egress)?.[1];
    assert.ok(Number(packets) >= 4000, `${packets} packets counted`);
  },
);
