// Another process has the tunnels' UDP port when the agent starts: the agent names it, serves the pods of this node
// meanwhile, and creates the tunnels when the port is free.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import type { NodeStatus } from '../../src/api/status.ts';
import { heddleCommand } from '../../src/lab/paths.ts';
import {
  type AgentPlace,
  agentPlace,
  cni,
  eventuallyPasses,
  podNamespace,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { runIn, spawnIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

/** The longest back-off, and time for a busy machine. */
const recoveredWithinMs = 30_000 + 5_000;

interface Holder {
  readonly what: string;
  /** What `heddle status` calls it. */
  readonly called: RegExp;
  /** Takes the port; the returned function releases it. */
  take(context: TestContext, place: AgentPlace): Promise<() => void>;
}

const holders: readonly Holder[] = [
  {
    what: 'a process',
    called: /UDP port 4789 is used by a process of user 0 \(`ss -lunp 'sport = :4789'`\)/,
    take: async (context, { namespace }) => {
      const code = `require('node:dgram').createSocket('udp4').bind(4789, () => console.log('bound'))`;
      const child = spawnIn(namespace, process.execPath, ['-e', code]);
      context.after(() => child.kill('SIGKILL'));
      assert.ok(child.stdout);
      await once(child.stdout, 'data');
      return () => child.kill('SIGKILL');
    },
  },
  {
    what: 'another VXLAN device',
    called: /UDP port 4789 is used by the VXLAN device flannel\.77 \(VNI 77\)/,
    take: async (_, { namespace }) => {
      const made = 'link add flannel.77 type vxlan id 77 dstport 4789 dev eth0 noudpcsum';
      runIn(namespace, 'ip', ...made.split(' '));
      runIn(namespace, 'ip', 'link', 'set', 'flannel.77', 'up');
      return () => void runIn(namespace, 'ip', 'link', 'delete', 'flannel.77');
    },
  },
];

for (const { what, called, take } of holders) {
  rootTest(
    `the tunnel port is used by ${what} first: it is reported, and ends`,
    async (context) => {
      const place = agentPlace(context, 'mode: vxlan\n');
      const release = await take(context, place);
      await startAgent(context, place);
      await eventuallyPasses(async () => {
        const { health, tables } = await status(place);
        assert.equal(health.state, 'degraded');
        assert.deepEqual(
          failuresOf(tables).map(([table]) => table),
          ['links'],
        );
      });
      // Tried three times, each time without other failures.
      const tries = new Set<string>();
      await eventuallyPasses(async () => {
        const { tables } = await status(place);
        const failures = tables.flatMap((table) => table.failures);
        assert.equal(failures.length, 1);
        const [{ text, retryAt } = assert.fail()] = failures;
        assert.match(text, called);
        assert.match(text, /; set `vxlan\.port` to another port on every node\)$/);
        tries.add(retryAt);
        assert.ok(tries.size > 3);
      }, 20_000);
      assert.match(/^ +links .*$/m.exec(screen(place))?.[0] ?? '', called);

      assertPodsReachEachOther(context, place);

      release();
      await eventuallyPasses(async () => {
        assert.deepEqual((await status(place)).health, {
          state: 'healthy',
          reasons: [],
          problems: [],
        });
      }, recoveredWithinMs);
      const routes = runIn(place.namespace, 'ip', 'route', 'show', '10.201.2.0/24');
      assert.match(routes, /dev heddle_vxlan/);
    },
  );
}

/** What `heddle status` prints. */
function screen({ namespace, socket }: AgentPlace): string {
  const command = [...heddleCommand(), 'status', '--socket', socket].join(' ');
  // Its exit code shows that something needs attention.
  return runIn(namespace, 'sh', '-c', `${command}; test $? = 1`);
}

function assertPodsReachEachOther(context: TestContext, place: AgentPlace): void {
  const [one, two] = ['one', 'two'].map((containerId) => {
    const { path, namespace } = podNamespace(context);
    const answer = cni(place, { verb: 'ADD', containerId, netns: path });
    const { ips } = JSON.parse(answer) as { readonly ips: readonly { readonly address: string }[] };
    return { namespace, addresses: ips.map(({ address }) => address.split('/')[0] ?? '') };
  });
  assert.ok(one !== undefined && two?.addresses.length === 2);
  for (const address of two.addresses) {
    runIn(one.namespace, 'busybox', 'ping', '-c', '1', '-W', '2', address);
  }
}

function failuresOf(tables: NodeStatus['tables']): readonly (readonly [string, string])[] {
  return tables.flatMap(({ name, failures }) => failures.map(({ text }) => [name, text] as const));
}
