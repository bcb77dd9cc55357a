// The lock of a network namespace: agents exclude each other, whatever else they share, and no unprivileged process can
// take it.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { AgentLock, lockPins } from '../../src/agent/process/lock.ts';
import { lockNetwork, networkHolder } from '../../src/agent/process/network-lock.ts';
import { lockOutAgents } from '../../src/agent/uninstall/lock-out.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { heldTableComment, holdTable } from '../../src/kernel/netfilter/nft-owned-table.ts';
import { runIn, spawnIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const lockModule = fileURLToPath(
  new URL('../../src/agent/process/network-lock.js', import.meta.url),
);
const inUse = /network namespace: is in use by another heddle agent \(pid \d+\)/;

/** Starts a program and waits for its first output. */
async function started(context: TestContext, child: ChildProcess): Promise<ChildProcess> {
  context.after(() => child.kill('SIGKILL'));
  assert.ok(child.stdout);
  await once(child.stdout, 'data');
  return child;
}

/** Another process that holds the lock. */
function otherAgent(context: TestContext, namespace: NetworkNamespace): Promise<ChildProcess> {
  const script = `import(${JSON.stringify(lockModule)}).then(({ lockNetwork }) => {
    globalThis.lock = lockNetwork(); console.log('locked'); setTimeout(() => {}, 60000); });`;
  return started(context, spawnIn(namespace, process.execPath, ['-e', script]));
}

// Binds the name as agents of earlier versions did.
const bindName = `use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0);
  bind(S, pack("Sa*", AF_UNIX, "\\0heddle-agent")) or die; $| = 1; print "bound\\n"; sleep 60`;

function squatter(
  context: TestContext,
  namespace: NetworkNamespace,
  as: readonly string[],
): Promise<ChildProcess> {
  return started(context, spawnIn(namespace, 'env', [...as, 'perl', '-e', bindName]));
}

rootTest(
  'a second agent is refused with the pid of the first, in one process or two',
  async (context) => {
    const namespace = testNamespace(context);
    const lock = namespace.run(() => lockNetwork());
    assert.equal(lock.warning, undefined);
    assert.throws(() => namespace.run(() => lockNetwork()), {
      name: 'InputError',
      message: `network namespace: is in use by another heddle agent (pid ${process.pid}), which has a different stateDir and pinDir`,
    });
    lock[Symbol.dispose]();
    const other = await otherAgent(context, namespace);
    assert.throws(() => namespace.run(() => lockNetwork()), new RegExp(`pid ${other.pid}\\)`));
    assert.deepEqual(
      namespace.run(() => networkHolder()),
      { pid: other.pid },
    );
  },
);

rootTest('a kill releases it before the process is reaped', async (context) => {
  const namespace = testNamespace(context);
  const other = await otherAgent(context, namespace);
  other.kill('SIGKILL');
  await once(other, 'exit');
  assert.equal(
    namespace.run(() => networkHolder()),
    undefined,
  );
  namespace.run(() => lockNetwork())[Symbol.dispose]();
});

rootTest('two namespaces have separate locks', (context) => {
  const [one, other] = [testNamespace(context), testNamespace(context)];
  using _one = one.run(() => lockNetwork());
  using _other = other.run(() => lockNetwork());
  assert.deepEqual(
    other.run(() => networkHolder()),
    { pid: process.pid },
  );
});

const unprivileged: readonly [string, readonly string[]][] = [
  ['of uid 65534', ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']],
  ['of uid 0 without capabilities', ['setpriv', '--bounding-set=-all', '--inh-caps=-all']],
  [
    'of uid 65534 with every capability in a user namespace of its own',
    ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'unshare', '-U', '-r'],
  ],
  ['of uid 0 with every capability in a user namespace of its own', ['unshare', '-U', '-r']],
];

for (const [who, as] of unprivileged) {
  rootTest(
    `a process ${who} that has the earlier versions' name delays nothing`,
    async (context) => {
      const namespace = testNamespace(context);
      const { pid } = await squatter(context, namespace, as);
      using lock = namespace.run(() => lockNetwork());
      assert.match(
        lock.warning ?? '',
        new RegExp(`@heddle-agent is held by process ${pid}, which`),
      );
      assert.throws(() => namespace.run(() => lockNetwork()), inUse);
    },
  );
}

// Binds the name as its 15,001st descriptor, and lets 300 processes share their table (CLONE_FILES): each of them must
// be searched.
const crowd = `use Socket; open($_, "<", "/dev/null") or die for my @files = (1 .. 15000);
  socket(S, AF_UNIX, SOCK_STREAM, 0); bind(S, pack("Sa*", AF_UNIX, "\\0heddle-agent")) or die;
  for (1 .. 300) { my $pid = syscall(SYSCALL, 0x400 | 17, 0, 0, 0, 0); if ($pid == 0) { sleep 60; exit } push @pids, $pid }
  $| = 1; print "bound\\n"; $SIG{TERM} = sub { kill "KILL", @pids; exit }; sleep 60`;

rootTest(
  "an unprivileged user's processes and descriptors, however many, delay nothing",
  async (context) => {
    const namespace = testNamespace(context);
    const clone = process.arch === 'x64' ? '56' : '220';
    const program = crowd.replace('SYSCALL', clone);
    const as = ['--reuid=65534', '--regid=65534', '--clear-groups', 'perl', '-e', program];
    const child = await started(context, spawnIn(namespace, 'setpriv', as));
    context.after(() => child.kill('SIGTERM'));
    const began = performance.now();
    using lock = namespace.run(() => lockNetwork());
    const tookMs = performance.now() - began;
    assert.match(lock.warning ?? '', /which is not an agent \(uid 65534\): ignored/);
    // Each of the three checks has 200 ms.
    assert.ok(tookMs < 2_000, `${tookMs} ms`);
    child.kill('SIGTERM');
    await once(child, 'exit');
  },
);

rootTest(
  'an agent of an earlier version is refused nothing it had, and is detected',
  async (context) => {
    const namespace = testNamespace(context);
    const earlier = await squatter(context, namespace, []);
    assert.throws(() => namespace.run(() => lockNetwork()), new RegExp(`pid ${earlier.pid}\\)`));
    assert.equal(
      namespace.run(() => networkHolder()),
      undefined,
      'nothing stays of the attempt',
    );
    earlier.kill('SIGKILL');
    await once(earlier, 'exit');
    using _lock = namespace.run(() => lockNetwork());
    const late = spawnIn(namespace, 'perl', ['-e', bindName]);
    const [code] = await once(late, 'exit');
    assert.notEqual(code, 0, 'an earlier version finds its name taken');
  },
);

rootTest(
  'no unprivileged process can create the table, alone or as its own root',
  async (context) => {
    const namespace = testNamespace(context);
    for (const [, as] of unprivileged) {
      const command = [...as, 'nft', 'add', 'table', 'inet', 'heddle_agent'];
      assert.throws(() => runIn(namespace, 'env', ...command), /Operation not permitted/);
    }
    using _lock = namespace.run(() => lockNetwork());
  },
);

rootTest('flushing or reloading rules does not affect the lock', (context) => {
  const namespace = testNamespace(context);
  using _lock = namespace.run(() => lockNetwork());
  runIn(namespace, 'nft', 'flush', 'ruleset');
  assert.throws(() => runIn(namespace, 'nft', 'delete', 'table', 'inet', 'heddle_agent'));
  assert.throws(() => namespace.run(() => lockNetwork()), inUse);
});

rootTest('a table of that name created by hand is not a lock', (context) => {
  const namespace = testNamespace(context);
  // As saved rules restore it.
  const comment = 'comment "lock of the heddle agent, pid 7";';
  runIn(namespace, 'nft', `add table inet heddle_agent { ${comment} }`);
  assert.equal(
    namespace.run(() => networkHolder()),
    undefined,
  );
  using _lock = namespace.run(() => lockNetwork());
  assert.throws(() => namespace.run(() => lockNetwork()), inUse);
});

rootTest('nft shows the owner of the lock, and its comment survives a listing', (context) => {
  const namespace = testNamespace(context);
  const lock = namespace.run(() => holdTable('heddle_agent', 'lock of the heddle agent, pid 7'));
  assert.ok(lock);
  assert.match(
    runIn(namespace, 'nft', 'list', 'ruleset'),
    /table inet heddle_agent \{[^}]*flags owner\s+comment "lock of the heddle agent, pid 7"/s,
  );
  assert.equal(
    namespace.run(() => heldTableComment('heddle_agent')),
    'lock of the heddle agent, pid 7',
  );
  lock[Symbol.dispose]();
  assert.equal(runIn(namespace, 'nft', 'list', 'ruleset'), '');
});

rootTest('a process that can neither own a table nor see one gets an error', async (context) => {
  const namespace = testNamespace(context);
  const script = `import(${JSON.stringify(lockModule)}).then(({ lockNetwork }) => lockNetwork())
    .catch((error) => console.log(error.message));`;
  const drop = [
    'setpriv',
    '--bounding-set=-all',
    '--inh-caps=-all',
    process.execPath,
    '-e',
    script,
  ];
  assert.match(runIn(namespace, 'env', ...drop), /^nft (add|get) table inet heddle_agent: EPERM$/m);
});

rootTest('an uninstallation keeps agents from starting by all of their locks', (context) => {
  const namespace = testNamespace(context);
  const [stateDir, pinDir] = ['state', 'pins'].map((name) => {
    const folder = mkdtempSync(path.join(tmpdir(), `heddle-${name}-`));
    context.after(() => rmSync(folder, { recursive: true }));
    return folder;
  }) as [string, string];
  AgentLock.acquire(stateDir)[Symbol.dispose]();
  const agents: readonly (() => Disposable)[] = [
    () => AgentLock.acquire(stateDir),
    () => lockPins(pinDir),
    () => namespace.run(() => lockNetwork()),
  ];
  const lock = namespace.run(() => lockOutAgents({ stateDir, pinDir }));
  for (const agent of agents) assert.throws(agent, /is in use by another heddle agent/);
  lock[Symbol.dispose]();
  for (const agent of agents) {
    using _held = agent();
    const text = /is in use by an agent.*: stop it first$/;
    assert.throws(() => namespace.run(() => lockOutAgents({ stateDir, pinDir })), text);
  }
  namespace.run(() => lockOutAgents({ stateDir, pinDir }))[Symbol.dispose]();
});
