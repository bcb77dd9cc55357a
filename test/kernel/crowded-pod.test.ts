// A pod with CAP_NET_ADMIN fills its own namespace: the agent's work for it takes no longer, and the agent continues to
// answer others meanwhile.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { listAddresses } from '../../src/kernel/netlink/address.ts';

import { linkByName } from '../../src/kernel/netlink/link.ts';
import { hasMoreThan, PartialDumps } from '../../src/kernel/netlink/partial-listing.ts';
import { listRoutes } from '../../src/kernel/netlink/route.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import {
  type AgentPlace,
  agentPlace,
  cniBeside,
  get,
  podNamespace,
  startAgent,
} from '../support/agent-process.ts';
import { runIn, testNamespace } from '../support/namespaces.ts';
import { addNextHopGroups } from '../support/next-hops.ts';
import { rootTest } from '../support/root-test.ts';

const count = 20_000;
const containerId = 'crowded';
// 20 ms on an idle machine; with a listing of everything it was 3,000 ms.
const longestAnswerMs = 1000;

/** Input of `ip -batch` in the pod, once for each number. */
const crowds: readonly {
  readonly name: string;
  readonly before?: string;
  readonly line: (high: number, low: number) => string;
  readonly differs?: RegExp;
}[] = [
  {
    name: 'addresses',
    // The kernel accepts them faster this way.
    before: 'ip link set eth0 down',
    line: (high, low) => `address add 10.9.${high}.${low}/32 dev eth0`,
    differs: /is down/,
  },
  { name: 'routes', line: (high, low) => `route add 10.9.${high}.${low}/32 dev eth0` },
  {
    name: 'neighbours',
    line: (high, low) => `neigh add 10.9.${high}.${low} lladdr 02:00:5e:10:00:01 dev eth0`,
  },
  { name: 'rules', line: (high, low) => `rule add from 10.9.${high}.${low} lookup 77` },
  {
    name: 'names',
    line: (high, low) => `link property add dev eth0 altname ${'x'.repeat(110)}-${high}-${low}`,
  },
  { name: 'links', line: (high, low) => `link add d${high}-${low} type bridge` },
];

// Objects of which the kernel takes too long to create more, or allows no more.
const share: Readonly<Record<string, number>> = { rules: 10, links: 40, names: 42 };

async function agentWithPod(context: TestContext) {
  const place = agentPlace(context);
  await startAgent(context, place);
  const pod = podNamespace(context);
  const call = { containerId, netns: pod.path };
  const { exitCode, answer } = await cniBeside(place, { verb: 'ADD', ...call });
  assert.equal(exitCode, 0, JSON.stringify(answer));
  return { place, pod, call, answer };
}

for (const { name, before = 'true', line, differs } of crowds) {
  // Rules and links take the kernel itself too long to create.
  const made = Math.floor(count / (share[name] ?? 1));
  rootTest(
    `${made} ${name} in a pod delay neither its CHECK nor its DEL nor others`,
    async (context) => {
      const { place, pod, call, answer } = await agentWithPod(context);
      const file = path.join(place.folder, 'batch');
      const lines = Array.from({ length: made }, (_, index) => line(index >> 8, index & 255));
      fs.writeFileSync(file, `${lines.join('\n')}\n`);
      runIn(pod.namespace, 'sh', '-c', `${before}; ip -batch ${file}`);
      const watch = watchAnswers(place);
      const more = { prevResult: answer };
      const checked = await cniBeside(place, { verb: 'CHECK', ...call, more });
      if (differs === undefined) assert.equal(checked.exitCode, 0, JSON.stringify(checked.answer));
      else assert.match(checked.answer?.msg ?? '', differs);
      const deleted = await cniBeside(place, { verb: 'DEL', ...call });
      assert.deepEqual(deleted, { exitCode: 0, answer: undefined });
      const longest = await watch.end();
      assert.ok(longest < longestAnswerMs, `an answer took ${longest.toFixed()} ms`);
    },
  );
}

rootTest(
  'next-hop objects in many groups delay neither the DEL of their pod nor others',
  async (context) => {
    const { place, pod, call } = await agentWithPod(context);
    // The pod's end is found under another name too.
    runIn(pod.namespace, 'sh', '-c', 'ip link set eth0 down name mine && ip link set mine up');
    using inPod = NetlinkSocket.open({ namespace: pod.namespace });
    addNextHopGroups(inPod, linkByName(inPod, 'mine')?.ifIndex ?? assert.fail());
    const watch = watchAnswers(place);
    const began = performance.now();
    const deleted = cniBeside(place, { verb: 'DEL', ...call }).finally(() => pod.end());
    const netns = podNamespace(context).path;
    const other = await cniBeside(place, { verb: 'ADD', containerId: 'other', netns });
    const otherMs = performance.now() - began;
    assert.equal(other.exitCode, 0, JSON.stringify(other.answer));
    assert.deepEqual(await deleted, { exitCode: 0, answer: undefined });
    // Until the kernel has deleted the namespace as well.
    await setTimeout(1000);
    const longest = await watch.end();
    assert.ok(longest < longestAnswerMs, `an answer took ${longest.toFixed()} ms`);
    assert.ok(otherMs < 2 * longestAnswerMs, `another pod's ADD took ${otherMs.toFixed()} ms`);
  },
);

rootTest(
  'a listing that ends early has the beginning, and its socket can be used again',
  (context) => {
    const namespace = testNamespace(context);
    const ifIndex = 1 as IfIndex;
    runIn(namespace, 'ip', 'link', 'set', 'lo', 'up');
    const lines = Array.from(
      { length: 1000 },
      (_, at) => `route add 10.9.${at >> 8}.${at & 255} dev lo`,
    );
    runIn(namespace, 'sh', '-c', `printf '${lines.join('\\n')}\\n' | ip -batch -`);
    using socket = NetlinkSocket.open({ namespace });
    const some = new PartialDumps(socket, { most: 100 });
    assert.equal(listRoutes(some, { ifIndex, family: 4, table: 254 }).length, 100);
    assert.equal(some.isWhole, false);
    for (const [most, isMore] of [
      [999, true],
      [1000, false],
    ] as const) {
      const found = hasMoreThan(socket, most, (dumps) =>
        listRoutes(dumps, { ifIndex, family: 4, table: 254 }),
      );
      assert.equal(found, isMore, `more than ${most}`);
    }
    const all = new PartialDumps(socket, { most: 10_000 });
    assert.equal(listRoutes(all, { ifIndex, family: 4, table: 254 }).length, 1000);
    assert.equal(listAddresses(all, { ifIndex }).length, 2);
    assert.equal(all.isWhole, true);
  },
);

/** Repeatedly requests the agent's health; `end` returns the duration of the slowest answer, in ms. */
function watchAnswers(place: AgentPlace): { end(): Promise<number> } {
  let longest = 0;
  let isOver = false;
  const asking = (async () => {
    while (!isOver) {
      const began = performance.now();
      await get(place, '/healthz');
      longest = Math.max(longest, performance.now() - began);
      await setTimeout(5);
    }
  })();
  return {
    end: async () => {
      isOver = true;
      await asking;
      return longest;
    },
  };
}
