// Connection tracking entries of a deleted pod: an established TCP connection would stay for days, and the next pod
// with its address would receive what the other end sends.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import {
  type AgentPlace,
  agentPlace,
  cni,
  eventuallyPasses,
  podNamespace,
  startAgent,
} from '../support/agent-process.ts';
import { runIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const gone = ['10.201.1.9', 'fd00:201:1::9'] as const;
const other = ['10.201.1.7', 'fd00:201:1::7'] as const;
const node = { 4: '10.200.0.11', 6: 'fd00:200::11' } as const;
const world = { 4: '203.0.113.9', 6: '2001:db8:9::9' } as const;
const tcp = '-p tcp --sport 5432 --dport 443 --state ESTABLISHED -u ASSURED,SEEN_REPLY';
const udp = '-p udp --sport 53 --dport 4000 -u ASSURED,SEEN_REPLY';

/** As the masquerade creates them, and one that a foreign rule leads to the pod. */
function connect(place: AgentPlace, pod: readonly string[]): void {
  for (const address of pod) {
    const family = address.includes(':') ? 6 : 4;
    for (const protocol of [tcp, udp]) {
      insert(place, `-s ${address} -d ${world[family]} --src-nat ${node[family]} ${protocol}`);
    }
    const service = tcp.replace('443', pod === gone ? '30080' : '30081');
    insert(place, `-s ${world[family]} -d ${node[family]} --dst-nat ${address} ${service}`);
  }
}

function insert({ namespace }: AgentPlace, words: string): void {
  runIn(namespace, 'conntrack', '-I', '-t', '1000', ...words.split(' '));
}

/** Connections that the pod began, or that lead to it. */
function tracked({ namespace }: AgentPlace, pod: readonly string[]): number {
  const lines = ['ipv4', 'ipv6']
    .map((family) => runIn(namespace, 'conntrack', '-L', '-f', family))
    .join('')
    .split('\n');
  return lines.filter((line) => pod.some((address) => line.includes(`src=${address} `))).length;
}

interface FixedPod {
  add(): void;
  del(): void;
}

function fixedPod(context: TestContext, place: AgentPlace, ips: readonly string[]): FixedPod {
  const { path } = podNamespace(context);
  const call = { containerId: `c${path.length}${path.slice(-4)}`, netns: path };
  const more = { runtimeConfig: { ips } };
  return {
    add: () => void cni(place, { verb: 'ADD', ...call, more }),
    del: () => void cni(place, { verb: 'DEL', ...call, more }),
  };
}

rootTest("a pod's connections end with it, and no others", async (context) => {
  const place = agentPlace(context);
  await startAgent(context, place);
  const [leaver, stayer] = [gone, other].map((ips) => fixedPod(context, place, ips));
  assert(leaver !== undefined && stayer !== undefined);
  for (const pod of [leaver, stayer]) pod.add();
  connect(place, gone);
  connect(place, other);
  leaver.del();
  await eventuallyPasses(() => assert.equal(tracked(place, gone), 0));
  assert.equal(tracked(place, other), 6);
});

rootTest('the next pod with the address has none of them, even immediately', async (context) => {
  const place = agentPlace(context, 'ipam: { cooldownMs: 0 }');
  await startAgent(context, place);
  const first = fixedPod(context, place, gone);
  const next = fixedPod(context, place, gone);
  first.add();
  connect(place, gone);
  first.del();
  next.add();
  assert.equal(tracked(place, gone), 0);
});

rootTest(
  'connections of a pod deleted while no agent ran are removed when the next one starts',
  async (context) => {
    const place = agentPlace(context);
    connect(place, gone);
    await startAgent(context, place);
    await eventuallyPasses(() => assert.equal(tracked(place, gone), 0));
  },
);
