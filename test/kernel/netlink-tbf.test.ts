import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import type { TestContext } from 'node:test';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import {
  addTbf,
  delTbf,
  replaceTbf,
  type TbfOptions,
  tbfAt,
} from '../../src/kernel/netlink/tbf.ts';
import { addVeth } from '../../src/kernel/netlink/veth.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const ifIndex = 7 as IfIndex;
const slow: TbfOptions = {
  ifIndex,
  bytesPerSecond: 1_250_000,
  burstBytes: 100_000,
  queueBytes: 200_000,
};

interface Bench {
  readonly socket: NetlinkSocket;
  readonly shown: () => string;
}

function linked(context: TestContext): Bench {
  const namespace = testNamespace(context);
  const socket = NetlinkSocket.open({ namespace });
  context.after(() => socket[Symbol.dispose]());
  addVeth(socket, { name: 'veth0', ifIndex, up: true, peer: { name: 'veth1' } });
  const shown = (): string =>
    namespace.run(() =>
      execFileSync('tc', ['qdisc', 'show', 'dev', 'veth0'], { encoding: 'utf8' }),
    );
  return { socket, shown };
}

for (const [name, options] of [
  ['slow', slow],
  ['of 10 Gbit/s', { ...slow, bytesPerSecond: 1_250_000_000, burstBytes: 12_500_000 }],
  ['of 80 Gbit/s, beyond 32 bits', { ...slow, bytesPerSecond: 1e10, burstBytes: 0x7fff_ffff }],
] as const) {
  rootTest(`a token bucket ${name} is listed as it was added`, (context) => {
    const { socket } = linked(context);
    addTbf(socket, options);
    const found = tbfAt(socket, ifIndex);
    assert.ok(found !== undefined);
    assert.equal(found.bytesPerSecond, options.bytesPerSecond);
    assert.equal(found.queueBytes, options.queueBytes);
    const error = Math.abs(found.burstBytes - options.burstBytes);
    assert.ok(error <= options.burstBytes / 1000 + 1, `burst ${found.burstBytes}`);
    assert.equal(found.droppedPackets, 0);
  });
}

rootTest('tc shows the same', (context) => {
  const { socket, shown } = linked(context);
  addTbf(socket, slow);
  assert.match(shown(), /^qdisc tbf \S+ root .*rate 10Mbit burst 100000b/);
});

rootTest('a second one is refused, replacing is not', (context) => {
  const { socket } = linked(context);
  addTbf(socket, slow);
  assert.throws(() => addTbf(socket, slow), { code: 'EEXIST' });
  replaceTbf(socket, { ...slow, bytesPerSecond: 125_000 });
  assert.equal(tbfAt(socket, ifIndex)?.bytesPerSecond, 125_000);
});

rootTest('after deletion the link has no token bucket, and a second deletion fails', (context) => {
  const { socket } = linked(context);
  addTbf(socket, slow);
  delTbf(socket, ifIndex);
  assert.equal(tbfAt(socket, ifIndex), undefined);
  assert.throws(() => delTbf(socket, ifIndex), { code: 'ENOENT' });
});

rootTest('a missing link is named', (context) => {
  const { socket } = linked(context);
  const gone = { ...slow, ifIndex: 99 as IfIndex };
  assert.throws(() => addTbf(socket, gone), { code: 'ENODEV', subject: /dev index 99 root tbf/ });
});
