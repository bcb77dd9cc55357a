// What kube-proxy leaves: an agent that translates names it, and `heddle clean-kube-proxy` removes exactly that.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { KubeProxyCleaning } from '../../src/api/kube-proxy.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import {
  type AgentPlace,
  agentPlace,
  eventuallyPasses,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { testCgroup } from '../support/bpf.ts';
import {
  allRules,
  iptablesRules,
  nftablesRules,
  restoreRules,
  variants,
} from '../support/kube-proxy-rules.ts';
import { ipIn, placeOf, runIn, spawnIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const heddle = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function clean(namespace: NetworkNamespace, ...words: readonly string[]): Ended {
  const command = [process.execPath, heddle, 'clean-kube-proxy', ...words];
  const { namespacePath } = placeOf(namespace);
  return spawnSync('nsenter', [`--net=${namespacePath}`, ...command], { encoding: 'utf8' });
}

function place(context: TestContext, mode: 'on' | 'auto' | 'off'): AgentPlace {
  const own = `cgroupRoot: ${testCgroup(context)}\nreconcilePeriodMs: 300\n`;
  return agentPlace(context, `${own}services: { mode: ${mode} }\n`);
}

// What a kubelet and others have is what is left of these rules.
const foreignRules = iptablesRules
  .split('\n')
  .filter((line) => !/KUBE-(?!FIREWALL|MARK|KUBELET|IPTABLES)/.test(line) || /OTHERS/.test(line))
  .join('\n');

for (const variant of variants)
  rootTest(`chains of iptables-${variant} go, and no one else's`, (context) => {
    const [namespace, expected] = [testNamespace(context), testNamespace(context)];
    restoreRules(namespace, variant, iptablesRules);
    restoreRules(expected, variant, foreignRules);
    const before = allRules(namespace);
    const planned = clean(namespace, '--dry-run', '-o', 'json');
    assert.equal(planned.status, 0, planned.stderr);
    const plan = JSON.parse(planned.stdout) as KubeProxyCleaning;
    assert.equal(plan.isDryRun, true);
    assert.equal(allRules(namespace), before);
    const done = clean(namespace, '--force', '-o', 'json');
    assert.deepEqual([done.status, done.stderr], [0, '']);
    const { removed } = JSON.parse(done.stdout) as KubeProxyCleaning;
    assert.deepEqual(removed, plan.removed);
    // In each family: 6 + 7 + 1 chains, and 6 + 3 rules.
    const total = removed.reduce((sum, { count }) => sum + count, 0);
    assert.equal(total, 2 * (6 + 7 + 1 + 6 + 3));
    assert.equal(allRules(namespace), allRules(expected));
    const again = clean(namespace, '--force');
    assert.deepEqual(
      [again.status, again.stdout],
      [0, 'kube-proxy has left nothing on this node\n'],
    );
  });

for (const variant of variants)
  rootTest(`a chain of iptables-${variant} that another program uses stays, empty`, (context) => {
    const namespace = testNamespace(context);
    restoreRules(namespace, variant, iptablesRules);
    runIn(namespace, `iptables-${variant}`, '-A', 'OTHERS', '-j', 'KUBE-SERVICES');
    const { status, stdout } = clean(namespace, '--force');
    assert.equal(status, 1);
    assert.match(
      stdout,
      /^left: the chain KUBE-SERVICES \(ip filter.*\) stays, empty: a rule of the chain OTHERS/m,
    );
    const lines = allRules(namespace).split('\n');
    const proxys = lines.filter((line) => line.includes('KUBE-SERVICES'));
    assert.deepEqual(proxys.sort(), [
      'filter -A INPUT -m comment --comment "of another -j KUBE-SERVICES" -j OTHERS',
      'filter -A INPUT -m comment --comment "of another -j KUBE-SERVICES" -j OTHERS',
      'filter -A OTHERS -j KUBE-SERVICES',
      'filter :KUBE-SERVICES - ',
    ]);
  });

rootTest('the tables of mode nftables and the interface of mode ipvs go', (context) => {
  const namespace = testNamespace(context);
  runIn(namespace, 'nft', `${nftablesRules}\ntable ip others {}`);
  ipIn(namespace, 'link add kube-ipvs0 type veth peer name other');
  const { status, stdout, stderr } = clean(namespace, '--force');
  assert.deepEqual([status, stderr], [0, '']);
  assert.match(stdout, /^ +2 {2}nftables tables\n +1 {2}interface kube-ipvs0$/m);
  assert.equal(runIn(namespace, 'nft', 'list', 'tables'), 'table ip others\n');
  assert.doesNotMatch(runIn(namespace, 'ip', 'link'), /kube-ipvs0/);
});

rootTest('without an agent that translates, the rules are not removed', async (context) => {
  const there = place(context, 'off');
  runIn(there.namespace, 'nft', nftablesRules);
  const without = clean(there.namespace, '--socket', there.socket);
  assert.equal(without.status, 1);
  assert.match(without.stderr, /^heddle: whether Heddle translates Services .* is unknown/);
  await startAgent(context, there);
  const off = clean(there.namespace, '--socket', there.socket);
  assert.equal(off.status, 1);
  assert.match(off.stderr, /^heddle: Heddle does not translate Services on this node/);
  assert.match(runIn(there.namespace, 'nft', 'list', 'tables'), /table ip kube-proxy\n/);
  assert.deepEqual((await status(there)).health.problems, []);
});

rootTest('an agent names what is left, until it is removed', async (context) => {
  const there = place(context, 'on');
  const { namespace, socket } = there;
  restoreRules(namespace, 'nft', iptablesRules);
  restoreRules(namespace, 'legacy', iptablesRules);
  runIn(namespace, 'nft', nftablesRules);
  await startAgent(context, there);
  const problems = async (): Promise<readonly string[]> =>
    (await status(there)).health.problems
      .filter(({ subject }) => subject === 'kube-proxy')
      .map(({ text }) => text);
  const left =
    'nftables table ip kube-proxy, nftables table ip6 kube-proxy, ' +
    'iptables chains (ip nat KUBE-SERVICES), iptables chains (ip6 nat KUBE-SERVICES), ' +
    'iptables-legacy chains (ip nat KUBE-SERVICES), iptables-legacy chains (ip6 nat KUBE-SERVICES)';
  await eventuallyPasses(async () =>
    assert.deepEqual(await problems(), [
      `kube-proxy no longer runs here, but what it has left still answers for Services that Heddle does not have: ${left}; remove it with \`heddle clean-kube-proxy\``,
    ]),
  );
  const { status: code, stderr } = clean(namespace, '--socket', socket);
  assert.deepEqual([code, stderr], [0, '']);
  await eventuallyPasses(async () => assert.deepEqual(await problems(), []), 15_000);
  assert.match(runIn(namespace, 'nft', 'list', 'tables'), /table inet heddle_services/);
});

/** A process with kube-proxy's name, and nothing else of it. */
function namesake(context: TestContext, { namespace, folder }: AgentPlace): { end(): void } {
  const program = path.join(folder, 'kube-proxy');
  copyFileSync('/bin/sleep', program);
  const child = spawnIn(namespace, program, ['600']);
  const end = (): void => void child.kill();
  context.after(end);
  return { end };
}

rootTest('mode auto leaves Services to a kube-proxy that runs here', async (context) => {
  const there = place(context, 'auto');
  const proxy = namesake(context, there);
  await startAgent(context, there);
  const { cluster } = await status(there);
  assert.equal(cluster.servicesBy, 'another program');
  assert.match(
    cluster.servicesReason ?? '',
    /^kube-proxy ran here when the agent started \(process \d+\)$/,
  );
  assert.doesNotMatch(runIn(there.namespace, 'nft', 'list', 'tables'), /heddle_services/);
  proxy.end();
  await eventuallyPasses(async () => {
    const [text = ''] = (await status(there)).health.reasons;
    assert.match(text, /^kube-proxy no longer runs here, .* no one translates Services: restart/);
  }, 15_000);
});

rootTest('mode auto translates where none runs, beside one that comes later', async (context) => {
  const there = place(context, 'auto');
  runIn(there.namespace, 'nft', nftablesRules);
  await startAgent(context, there);
  const { cluster } = await status(there);
  assert.equal(cluster.servicesBy, 'heddle');
  assert.equal(cluster.servicesReason, 'no kube-proxy ran here when the agent started');
  await eventuallyPasses(async () =>
    assert.match((await status(there)).health.reasons[0] ?? '', /^kube-proxy no longer runs here/),
  );
  const proxy = namesake(context, there);
  await eventuallyPasses(async () => {
    const now = await status(there);
    assert.deepEqual(now.health.reasons, []);
    assert.match(now.cluster.servicesNote ?? '', /^kube-proxy runs here too \(process \d+\)/);
  }, 15_000);
  const refused = clean(there.namespace, '--socket', there.socket);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /^heddle: kube-proxy runs on this node \(process \d+\)/);
  proxy.end();
});
