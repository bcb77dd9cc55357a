// Limits in the kernel under a real agent: their places, that removed parts are restored, and that none remains.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { EndpointView } from '../../src/api/endpoints.ts';
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
  startAgent,
  status,
} from '../support/agent-process.ts';
import { runIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const bandwidth = {
  ingressRate: 8e6,
  ingressBurst: 0xffff_ffff,
  egressRate: 4e6,
  egressBurst: 8e5,
};
const limits = {
  ingress: { bitsPerSecond: 8e6 },
  egress: { bitsPerSecond: 4e6, burstBits: 8e5 },
};
const more = { runtimeConfig: { bandwidth } };

interface Limited {
  readonly pod: PodNetns;
  readonly call: { readonly containerId: string; readonly netns: string };
  readonly prevResult: unknown;
  readonly host: string;
  readonly queue: string;
  readonly far: string;
}

async function endpoints(place: AgentPlace): Promise<readonly EndpointView[]> {
  return JSON.parse((await get(place, '/v1/endpoints')).text);
}

async function addLimited(context: TestContext, place: AgentPlace): Promise<Limited> {
  const pod = podNamespace(context);
  const call = { containerId: 'limited', netns: pod.path };
  const prevResult: unknown = JSON.parse(cni(place, { verb: 'ADD', ...call, more }));
  const [endpoint] = await endpoints(place);
  assert.ok(endpoint);
  const digits = endpoint.hostIfName.slice(2);
  const names = { host: endpoint.hostIfName, queue: `hdq${digits}`, far: `hdr${digits}` };
  return { pod, call, prevResult, ...names };
}

function onNode(place: AgentPlace, ...words: string[]): string {
  const [program = '', ...rest] = words;
  return runIn(place.namespace, program, ...rest);
}

function linkNames(place: AgentPlace): readonly string[] {
  const links = JSON.parse(onNode(place, 'ip', '-j', 'link', 'show'));
  return links.map(({ ifname }: { ifname: string }) => ifname).toSorted();
}

rootTest(
  'limits are queues on the node, none in the pod, and are deleted with it',
  async (context) => {
    const place = agentPlace(context);
    await startAgent(context, place);
    const before = linkNames(place);
    const { pod, call, host, queue, far, prevResult } = await addLimited(context, place);
    assert.deepEqual(linkNames(place), [...before, host, queue, far].toSorted());
    const shown = (name: string): string => onNode(place, 'tc', 'qdisc', 'show', 'dev', name);
    assert.match(shown(host), /tbf .* rate 8\d+Kbit burst 16Kb/);
    assert.match(shown(queue), /tbf .* rate 4\d+Kbit burst (100000|99999)b/);
    assert.doesNotMatch(runIn(pod.namespace, 'tc', 'qdisc', 'show'), /tbf/);
    assert.deepEqual((await endpoints(place))[0]?.bandwidth, limits);
    cni(place, { verb: 'CHECK', ...call, more: { ...more, prevResult } });
    cni(place, { verb: 'DEL', ...call });
    await eventuallyPasses(() => assert.deepEqual(linkNames(place), before));
    // The same container again: no name is left over.
    cni(place, { verb: 'ADD', ...call, more });
    cni(place, { verb: 'DEL', ...call });
    cni(place, { verb: 'ADD', ...call, more });
    cni(place, { verb: 'DEL', ...call });
    await eventuallyPasses(() => assert.deepEqual(linkNames(place), before));
  },
);

const tamperings: readonly {
  readonly name: string;
  readonly commands: (pod: Limited) => readonly string[];
}[] = [
  { name: 'its queue removed', commands: ({ queue }) => [`ip link del ${queue}`] },
  {
    name: 'its queue renamed',
    commands: ({ queue }) => [`ip link set ${queue} down`, `ip link set ${queue} name mine`],
  },
  { name: 'its queue set down', commands: ({ queue }) => [`ip link set ${queue} down`] },
  { name: 'the far end set down', commands: ({ far }) => [`ip link set ${far} down`] },
  {
    name: 'the bucket of the queue removed',
    commands: ({ queue }) => [`tc qdisc del dev ${queue} root`],
  },
  {
    name: 'the bucket of the queue exchanged',
    commands: ({ queue }) => [
      `tc qdisc replace dev ${queue} root tbf rate 1gbit burst 100000 limit 200000`,
    ],
  },
  {
    name: 'what it receives by unlimited',
    commands: ({ host }) => [`tc qdisc del dev ${host} root`],
  },
  {
    name: 'the program at the far end removed',
    commands: ({ far }) => [`tc qdisc del dev ${far} clsact`],
  },
];

for (const { name, commands } of tamperings) {
  rootTest(
    `a limited pod with ${name} fails CHECK, then has all of it restored`,
    async (context) => {
      // No period passes between CHECK and the comparison.
      const place = agentPlace(context, 'reconcilePeriodMs: 3000\n');
      await startAgent(context, place);
      const limited = await addLimited(context, place);
      const { call, prevResult } = limited;
      const check = { verb: 'CHECK', ...call, more: { ...more, prevResult } } as const;
      const links = linkNames(place);
      const isWhole = async (): Promise<void> => {
        const { exitCode, answer } = await cniBeside(place, check);
        assert.equal(exitCode, 0, JSON.stringify(answer));
        assert.deepEqual(linkNames(place), links);
        assert.deepEqual((await endpoints(place))[0]?.bandwidth, limits);
      };
      await isWhole();
      for (const command of commands(limited)) onNode(place, ...command.split(' '));
      await eventuallyPasses(isWhole, 10_000);
      const { tables } = await status(place);
      const restored = tables.reduce((sum, { writes }) => sum + writes.restored, 0);
      assert.ok(restored > 0, 'put back by the agent');
    },
  );
}

rootTest(
  'a new agent adopts limits unchanged, and removes those without a pod',
  async (context) => {
    const place = agentPlace(context);
    const first = await startAgent(context, place);
    const before = linkNames(place);
    const { pod, queue, far } = await addLimited(context, place);
    await first.end('SIGKILL');
    const second = await startAgent(context, place);
    const { tables } = await status(place);
    const written = tables.filter(({ writes: { set, deleted } }) => set + deleted > 0);
    assert.deepEqual(written, []);
    await second.end('SIGTERM');
    // An earlier agent had no queue: the pod's own end had the limit.
    onNode(place, 'ip', 'link', 'del', queue);
    const third = await startAgent(context, place);
    assert.deepEqual((await endpoints(place))[0]?.bandwidth, limits);
    assert.ok(linkNames(place).includes(far));
    await third.end('SIGTERM');
    pod.end();
    await eventuallyPasses(() =>
      assert.deepEqual(linkNames(place), [...before, queue, far].toSorted()),
    );
    await startAgent(context, place);
    await eventuallyPasses(() => assert.deepEqual(linkNames(place), before));
  },
);

const removals: readonly { readonly what: string; readonly command: (pod: Limited) => string }[] = [
  { what: "a pod's programs", command: ({ host }) => `tc qdisc del dev ${host} clsact` },
  { what: 'the filter of all pods', command: () => `tc filter del block ${podBlocks.ingress}` },
  { what: 'the bucket of a queue', command: ({ queue }) => `tc qdisc del dev ${queue} root` },
  { what: 'a queue', command: ({ queue }) => `ip link del ${queue}` },
];

for (const { what, command } of removals) {
  rootTest(`${what} are restored long before the period when they are removed`, async (context) => {
    const place = agentPlace(context, 'reconcilePeriodMs: 600000\n');
    await startAgent(context, place);
    const limited = await addLimited(context, place);
    const { call, prevResult } = limited;
    const check = { verb: 'CHECK', ...call, more: { ...more, prevResult } } as const;
    assert.equal((await cniBeside(place, check)).exitCode, 0);
    onNode(place, ...command(limited).split(' '));
    await eventuallyPasses(async () => {
      const { exitCode, answer } = await cniBeside(place, check);
      assert.equal(exitCode, 0, JSON.stringify(answer));
    });
    const { tables } = await status(place);
    assert.ok(
      tables.some(({ writes }) => writes.restored > 0),
      'put back by the agent',
    );
  });
}
