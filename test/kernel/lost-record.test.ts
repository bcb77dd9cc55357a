// Lost, foreign or outdated records: the pod's interface keeps its programs, the pod keeps its network if the kernel
// knows enough, and `heddle status` names the interface.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { EndpointView } from '../../src/api/endpoints.ts';
import { listClsact } from '../../src/kernel/netlink/qdisc.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { podBlocks } from '../../src/model/ids.ts';
import {
  type AgentPlace,
  agentPlace,
  cni,
  cniBeside,
  eventuallyPasses,
  get,
  type PodNetns,
  podNamespace,
  type RunningAgent,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { runIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

interface Node {
  readonly place: AgentPlace;
  readonly agent: RunningAgent;
  readonly pod: PodNetns;
  readonly call: { readonly containerId: string; readonly netns: string };
  readonly records: string;
}

async function nodeWithPod(context: TestContext): Promise<Node> {
  const place = agentPlace(context);
  const agent = await startAgent(context, place);
  const pod = podNamespace(context);
  const call = { containerId: 'kept', netns: pod.path };
  cni(place, { verb: 'ADD', ...call });
  return { place, agent, pod, call, records: path.join(place.stateDir, 'endpoints') };
}

async function endpoints(place: AgentPlace): Promise<readonly EndpointView[]> {
  return JSON.parse((await get(place, '/v1/endpoints')).text);
}

async function reasons(place: AgentPlace): Promise<string> {
  return (await status(place)).health.reasons.join('\n');
}

function reachesNode({ pod }: Node): boolean {
  const ping = 'busybox ping -c1 -W1 10.200.0.11 >/dev/null && echo yes || echo no';
  return runIn(pod.namespace, 'sh', '-c', ping).trim() === 'yes';
}

/** Whether the pods' programs are at the interface, by the shared blocks. */
function isGuarded({ namespace }: AgentPlace, ifIndex: number): boolean {
  using socket = NetlinkSocket.open({ namespace });
  const found = listClsact(socket).find((clsact) => clsact.ifIndex === ifIndex);
  return found?.ingress === podBlocks.ingress && found.egress === podBlocks.egress;
}

/** Number of packets that the data path has dropped because it has no endpoint. */
async function unknownDrops(place: AgentPlace): Promise<number> {
  const { drops } = await status(place);
  return drops.total.find(({ reason }) => reason === 'unknown endpoint')?.packets ?? 0;
}

rootTest('a pod whose record is lost keeps its network, and is named', async (context) => {
  const node = await nodeWithPod(context);
  const { place, agent, call, records } = node;
  const [before] = await endpoints(place);
  assert.ok(before);
  await agent.end('SIGTERM');
  fs.rmSync(place.stateDir, { recursive: true });
  await startAgent(context, place);
  const [after] = await endpoints(place);
  assert.deepEqual(
    [after?.addresses, after?.mac, after?.hostIfIndex, after?.id],
    [before.addresses, before.mac, before.hostIfIndex, before.id],
  );
  assert.match(
    await reasons(place),
    new RegExp(`${before.hostIfName} was lost and has been rebuilt`),
  );
  assert.ok(isGuarded(place, before.hostIfIndex));
  assert.ok(reachesNode(node));
  assert.equal(fs.readdirSync(records).length, 1);
  cni(place, { verb: 'DEL', ...call });
  assert.deepEqual(fs.readdirSync(records), []);
  await eventuallyPasses(async () => assert.deepEqual(await endpoints(place), []));
});

rootTest(
  'a pod of which nothing is known is named, and its packets are dropped',
  async (context) => {
    const node = await nodeWithPod(context);
    const { place, agent, call } = node;
    const [before] = await endpoints(place);
    assert.ok(before);
    await agent.end('SIGTERM');
    fs.rmSync(place.stateDir, { recursive: true });
    // The data path's own entry is deleted too.
    const key = [...new Uint8Array(Uint32Array.of(before.hostIfIndex).buffer)].map(String);
    const map = path.join(place.pinDir, 'maps', 'endpoints');
    execFileSync('bpftool', ['map', 'delete', 'pinned', map, 'key', ...key]);
    const second = await startAgent(context, place);
    const { hostIfName, hostIfIndex } = before;
    const problem = new RegExp(`interface ${hostIfName} .*has no endpoint record: packets`);
    assert.match(await reasons(place), problem);
    assert.ok(isGuarded(place, hostIfIndex));
    assert.equal(reachesNode(node), false);
    assert.ok((await unknownDrops(place)) > 0);
    // Also without the filter, and also with the next agent.
    runIn(place.namespace, 'tc', 'qdisc', 'del', 'dev', hostIfName, 'clsact');
    await eventuallyPasses(() => assert.ok(isGuarded(place, hostIfIndex)));
    await second.end('SIGKILL');
    await startAgent(context, place);
    assert.ok(isGuarded(place, hostIfIndex));
    assert.match(await reasons(place), problem);
    cni(place, { verb: 'DEL', ...call });
    await eventuallyPasses(async () => assert.doesNotMatch(await reasons(place), problem));
  },
);

rootTest('a state directory removed under an agent is restored', async (context) => {
  const node = await nodeWithPod(context);
  const { place, records } = node;
  const names = fs.readdirSync(records);
  fs.rmSync(place.stateDir, { recursive: true });
  const other = podNamespace(context);
  const call = { containerId: 'later', netns: other.path };
  const added = await cniBeside(place, { verb: 'ADD', ...call });
  assert.equal(added.exitCode, 0, JSON.stringify(added.answer));
  await eventuallyPasses(() => {
    for (const name of names) assert.ok(fs.existsSync(path.join(records, name)), name);
  });
  assert.ok(reachesNode(node));
});

rootTest('an interface that an administrator renamed is removed by DEL', async (context) => {
  const node = await nodeWithPod(context);
  const { place, call } = node;
  const [before] = await endpoints(place);
  assert.ok(before);
  const added = { ips: before.addresses.map((address) => ({ address: `${address}/32` })) };
  const ip = (...words: string[]): string => runIn(place.namespace, 'ip', ...words);
  ip('link', 'set', before.hostIfName, 'down');
  ip('link', 'set', before.hostIfName, 'name', 'renamed');
  ip('link', 'set', 'renamed', 'up');
  await eventuallyPasses(() => assert.ok(reachesNode(node)));
  const prevResult = { cniVersion: '1.1.0', interfaces: [], ...added };
  const checked = await cniBeside(place, { verb: 'CHECK', ...call, more: { prevResult } });
  assert.match(checked.answer?.msg ?? '', /was renamed to renamed/);
  cni(place, { verb: 'DEL', ...call });
  await eventuallyPasses(() => assert.doesNotMatch(ip('-o', 'link'), /renamed|hd[0-9a-f]{11}/));
});

rootTest('a record from a restored backup is corrected from the kernel', async (context) => {
  const node = await nodeWithPod(context);
  const { place, agent, records } = node;
  const [before] = await endpoints(place);
  assert.ok(before);
  await agent.end('SIGTERM');
  const file = path.join(records, `${before.hostIfName}.json`);
  const record = JSON.parse(fs.readFileSync(file, 'utf8'));
  fs.writeFileSync(
    file,
    JSON.stringify({ ...record, hostIfIndex: 4711, addresses: ['10.201.1.77'] }),
  );
  await startAgent(context, place);
  const [after] = await endpoints(place);
  assert.deepEqual([after?.addresses, after?.hostIfIndex], [before.addresses, before.hostIfIndex]);
  assert.deepEqual(after?.pod, before.pod);
  assert.match(
    await reasons(place),
    /did not match the pod's interface in the kernel and was corrected/,
  );
  assert.ok(reachesNode(node));
});
