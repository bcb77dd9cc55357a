// The examples of docs/ebpf-from-node.md work as described.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { setLink } from '../../src/kernel/netlink/link.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { addVeth } from '../../src/kernel/netlink/veth.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { testCgroup } from '../support/bpf.ts';
import { runIn, spawnIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

/** A running example and its output lines. */
interface RunningExample {
  line(pattern: RegExp): Promise<string>;
  /** Ctrl-C; resolves with the exit code. */
  stop(): Promise<number | null>;
}

function start(
  context: TestContext,
  namespace: NetworkNamespace,
  words: readonly string[],
): RunningExample {
  const [name, ...rest] = words;
  const path = `dist/examples/ebpf/${name}.js`;
  const child: ChildProcess = spawnIn(namespace, process.execPath, [path, ...rest]);
  context.after(() => child.kill('SIGKILL'));
  if (child.stdout === null || child.stderr === null) throw new Error('the child has no output');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let errors = '';
  child.stderr.on('data', (text) => {
    errors += text;
  });
  const ended = once(child, 'exit');
  return {
    async line(pattern) {
      for (;;) {
        const { value, done } = await lines.next();
        if (done === true) throw new Error(`${name} ended before ${pattern}: ${errors}`);
        if (pattern.test(value)) return value;
      }
    },
    async stop() {
      child.kill('SIGINT');
      const [code] = await ended;
      return code;
    },
  };
}

/** Two namespaces, 192.0.2.1 and 192.0.2.2, on a veth pair; `veth0` is the near end. */
function pair(context: TestContext): { here: NetworkNamespace; there: NetworkNamespace } {
  const here = testNamespace(context);
  const there = testNamespace(context);
  using netlink = NetlinkSocket.open({ namespace: here });
  using peerNetlink = NetlinkSocket.open({ namespace: there });
  const ifIndex = 9 as IfIndex;
  const peer = { name: 'veth1', namespace: there, ifIndex };
  addVeth(netlink, { name: 'veth0', ifIndex: 7 as IfIndex, up: true, peer });
  setLink(peerNetlink, { ifIndex, up: true });
  runIn(here, 'ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'veth0');
  runIn(there, 'ip', 'addr', 'add', '192.0.2.2/24', 'dev', 'veth1');
  return { here, there };
}

rootTest('count-packets counts packets that arrive at a veth, by protocol', async (context) => {
  const { here, there } = pair(context);
  const example = start(context, here, ['count-packets', 'veth0']);
  await example.line(/^counting what arrives at veth0/);
  for (let sent = 0; sent < 5; sent++) {
    runIn(there, 'bash', '-c', 'echo x > /dev/udp/192.0.2.1/9');
  }
  assert.match(await example.line(/udp 5 packets/), /not IP \d+ packets/);
  assert.equal(await example.stop(), 0);
});

rootTest('block-port keeps a cgroup’s processes from a port', async (context) => {
  const namespace = testNamespace(context);
  const cgroup = testCgroup(context);
  const example = start(context, namespace, ['block-port', cgroup, '9']);
  await example.line(/^port 9 is blocked/);
  const join = `echo $$ > ${cgroup}/cgroup.procs; `;
  const connect = (before: string, port: number) =>
    runIn(namespace, 'bash', '-c', `${before}(echo x > /dev/udp/127.0.0.1/${port}) 2>&1 || true`);
  assert.match(connect(join, 9), /not permitted/);
  assert.doesNotMatch(connect(join, 10), /not permitted/);
  assert.doesNotMatch(connect('', 9), /not permitted/);
  const stopping = example.stop();
  assert.match(await example.line(/refused/), /^1 attempts were refused/);
  assert.equal(await stopping, 0);
  assert.doesNotMatch(connect(join, 9), /not permitted/);
});

rootTest('watch-connections reports each connection attempt', async (context) => {
  const { here, there } = pair(context);
  const example = start(context, here, ['watch-connections', 'veth0']);
  await example.line(/^watching veth0/);
  runIn(there, 'bash', '-c', '(echo x > /dev/tcp/192.0.2.1/8080) 2>/dev/null || true');
  const line = await example.line(/->/);
  assert.match(line, /^192\.0\.2\.2 port \d+ -> 192\.0\.2\.1 port 8080$/);
  const stopping = example.stop();
  assert.equal(await example.line(/lost/), '0 lost');
  assert.equal(await stopping, 0);
});
