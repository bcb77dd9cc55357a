import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { linkByName } from '../../src/kernel/netlink/link.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { addVeth } from '../../src/kernel/netlink/veth.ts';
import { testNamespace, testNamespacePath } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

/** The namespace of each thread of this process. */
function threadNamespaces(): Set<string> {
  const tasks = fs.readdirSync('/proc/self/task');
  return new Set(tasks.map((task) => fs.readlinkSync(`/proc/self/task/${task}/ns/net`)));
}

const ownNamespace = (): string => fs.readlinkSync('/proc/thread-self/ns/net');

rootTest('run is inside during the function and outside after it', (context) => {
  const namespace = testNamespace(context);
  const outside = ownNamespace();
  const inside = namespace.run(ownNamespace);
  assert.equal(inside, `net:[${namespace.inode()}]`);
  assert.notEqual(inside, outside);
  assert.equal(ownNamespace(), outside);
});

rootTest('run returns when the function throws', (context) => {
  const outside = ownNamespace();
  assert.throws(
    () =>
      testNamespace(context).run(() => {
        throw new Error('thrown inside');
      }),
    { message: 'thrown inside' },
  );
  assert.equal(ownNamespace(), outside);
});

rootTest("runs nest, each returning to its caller's namespace", (context) => {
  const [outer, inner] = [testNamespace(context), testNamespace(context)];
  const seen = outer.run(() => [inner.run(ownNamespace), ownNamespace()]);
  assert.deepEqual(seen, [`net:[${inner.inode()}]`, `net:[${outer.inode()}]`]);
});

rootTest('run refuses an asynchronous function before it starts', (context) => {
  let started = false;
  const body = async (): Promise<void> => {
    started = true;
  };
  assert.throws(() => testNamespace(context).run(body), TypeError);
  assert.equal(started, false);
});

rootTest('run refuses a function that returns a promise, and returns', (context) => {
  const outside = ownNamespace();
  assert.throws(() => testNamespace(context).run(() => Promise.resolve(1)), TypeError);
  assert.equal(ownNamespace(), outside);
});

rootTest('no thread stays inside, not even of a pool first used then', async (context) => {
  // In a separate process, whose thread pool has not run yet.
  const path = testNamespacePath();
  NetworkNamespace.create(path)[Symbol.dispose]();
  context.after(() => NetworkNamespace.remove(path));
  const module = new URL('../../src/kernel/namespace.js', import.meta.url).href;
  const script = `
    import fs from 'node:fs';
    import { NetworkNamespace } from '${module}';
    const namespace = NetworkNamespace.open('${path}');
    namespace.run(() => { fs.stat('/', () => undefined); });
    await fs.promises.stat('/');
    const tasks = fs.readdirSync('/proc/self/task');
    console.log(new Set(tasks.map((task) => fs.readlinkSync('/proc/self/task/' + task + '/ns/net'))).size);
  `;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  assert.equal(stdout.trim(), '1', stderr);
});

rootTest('a process that cannot return ends immediately', (context) => {
  const path = testNamespacePath();
  NetworkNamespace.create(path)[Symbol.dispose]();
  context.after(() => NetworkNamespace.remove(path));
  const module = new URL('../../src/kernel/namespace.js', import.meta.url).href;
  const script = `
    import fs from 'node:fs';
    import { NetworkNamespace } from '${module}';
    const namespace = NetworkNamespace.open('${path}');
    namespace.run(() => {
      for (const fd of fs.readdirSync('/proc/self/fd').map(Number)) {
        if (fd > namespace.fd) try { fs.closeSync(fd); } catch {}
      }
    });
    console.log('went on');
  `;
  const { stdout, stderr, signal } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', script],
    { encoding: 'utf8' },
  );
  assert.equal(signal, 'SIGABRT', stderr);
  assert.match(stderr, /cannot leave a network namespace: .*EBADF/);
  assert.equal(stdout, '');
});

rootTest('a thousand runs leave no thread and no descriptor behind', async (context) => {
  const namespace = testNamespace(context);
  const before = fs.readdirSync('/proc/self/fd').length;
  for (let round = 0; round < 1000; round++) namespace.run(() => round);
  await fs.promises.stat('/');
  assert.equal(fs.readdirSync('/proc/self/fd').length, before);
  assert.equal(threadNamespaces().size, 1);
});

rootTest('create, open and remove follow a namespace through its life', () => {
  const path = testNamespacePath();
  using made = NetworkNamespace.create(path);
  try {
    assert.throws(() => NetworkNamespace.create(path), { name: 'KernelError', code: 'EEXIST' });
    using opened = NetworkNamespace.open(path);
    assert.equal(opened.inode(), made.inode());
  } finally {
    NetworkNamespace.remove(path);
  }
  assert.equal(fs.existsSync(path), false);
  assert.throws(() => NetworkNamespace.open(path), { code: 'ENOENT', subject: path });
  assert.throws(() => NetworkNamespace.remove(path), { name: 'KernelError', code: 'ENOENT' });
});

rootTest('a namespace is created in a directory that does not exist yet', () => {
  const directory = fs.mkdtempSync('/tmp/heddle-test-');
  const path = `${directory}/deeper/still/one`;
  try {
    NetworkNamespace.create(path)[Symbol.dispose]();
    NetworkNamespace.remove(path);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
});

rootTest('/run/netns is a shared mount afterwards, as iproute2 makes it', (context) => {
  testNamespace(context);
  const mount = fs
    .readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((line) => line.split(' ')[4] === '/run/netns');
  assert.match(mount ?? '', / shared:\d+ /);
});

rootTest('a file that is not a network namespace is not opened as one', () => {
  for (const path of ['/etc/passwd', '/proc/self/ns/mnt']) {
    assert.throws(() => NetworkNamespace.open(path), {
      message: `open ${path}: EINVAL (this is not a network namespace)`,
    });
  }
});

rootTest('a FIFO in place of a namespace does not block', (context) => {
  const folder = fs.mkdtempSync('/tmp/heddle-fifo-');
  context.after(() => fs.rmSync(folder, { recursive: true }));
  const path = `${folder}/fifo`;
  spawnSync('mkfifo', [path]);
  assert.throws(() => NetworkNamespace.open(path), {
    message: `open ${path}: EINVAL (this is not a network namespace)`,
  });
});

rootTest('the current namespace is the thread’s own', (context) => {
  const namespace = testNamespace(context);
  using inside = namespace.run(() => NetworkNamespace.current());
  using outside = NetworkNamespace.current();
  assert.equal(inside.inode(), namespace.inode());
  assert.equal(`net:[${outside.inode()}]`, ownNamespace());
});

rootTest(
  'a socket stays where it was created, and the namespace lives as long as a handle',
  (context) => {
    const path = testNamespacePath();
    const namespace = NetworkNamespace.create(path);
    using socket = NetlinkSocket.open({ namespace });
    NetworkNamespace.remove(path);
    namespace[Symbol.dispose]();
    addVeth(socket, { name: 'veth0', peer: { name: 'veth1' } });
    assert.equal(linkByName(socket, 'veth0')?.kind, 'veth');
    using elsewhere = NetlinkSocket.open({ namespace: testNamespace(context) });
    assert.equal(linkByName(elsewhere, 'veth0'), undefined);
  },
);

rootTest('a child process spawned inside stays inside', (context) => {
  const namespace = testNamespace(context);
  const { stdout } = namespace.run(() =>
    spawnSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' }),
  );
  assert.equal(stdout.trim(), `net:[${namespace.inode()}]`);
});

rootTest('each namespace has a cookie of its own, which stays', (context) => {
  const [one, other] = [testNamespace(context), testNamespace(context)];
  using own = NetworkNamespace.current();
  const cookies = [one, other, own].map((namespace) => namespace.cookie());
  assert.equal(new Set(cookies).size, 3);
  assert.ok(cookies.every((cookie) => Number.isSafeInteger(cookie) && cookie > 0));
  assert.deepEqual(
    one.run(() => {
      using inside = NetworkNamespace.current();
      return [inside.cookie(), own.cookie()];
    }),
    [cookies[0], cookies[2]],
  );
});
