// UDP to Services by real sockets of a process of the node. A pod's datagrams have another way.

import assert from 'node:assert/strict';
import { rootTest } from '../support/root-test.ts';
import {
  answerOf,
  backends,
  clusterAddress,
  nodePort,
  ownAddress,
  type SocketMaps,
  serviceNode,
  setFrontend,
  setList,
  type TestChoice,
  type TestFrontend,
} from '../support/service-node.ts';
import type { Received, SocketCaller, SocketEnd } from '../support/socket-caller.ts';

const families = [4, 6] as const;
const mapped: SocketEnd = { address: `::ffff:${clusterAddress[4]}`, port: 80 };

function overUdp(to: SocketEnd): TestFrontend {
  return { ...to, protocol: 'udp' };
}

function cluster(family: 4 | 6, port = 80): SocketEnd {
  return { address: clusterAddress[family], port };
}

function backendName(family: 4 | 6, number: number): string {
  return answerOf(backends[family][number - 1] ?? assert.fail());
}

function familyOf({ address }: SocketEnd): 4 | 6 {
  return address.includes(':') ? 6 : 4;
}

/** One backend for each family at the cluster address, whose other ports refuse, and at the node port. */
function setService(tables: SocketMaps): void {
  for (const family of families) {
    const choice = setList(tables, family, [1], family);
    setFrontend(tables, overUdp(cluster(family)), choice);
    setFrontend(tables, overUdp(cluster(family, 0)), { kind: 'refuse' });
    const anywhere = { address: family === 4 ? '0.0.0.0' : '::', port: nodePort };
    setFrontend(tables, overUdp(anywhere), choice);
  }
}

/** The answer to one datagram of a new socket, which is closed then. */
async function ask(caller: SocketCaller, to: SocketEnd): Promise<Received> {
  const fd = await caller.open('udp', familyOf(to));
  try {
    return await askAgain(caller, fd, to);
  } finally {
    await caller.close(fd);
  }
}

async function askAgain(caller: SocketCaller, fd: number, to?: SocketEnd): Promise<Received> {
  await caller.send(fd, to);
  return caller.receive(fd);
}

function entries({ datagrams, connectedSockets }: SocketMaps): number {
  return datagrams.count() + connectedSockets.count();
}

rootTest('a datagram reaches a backend, and the answer comes from the Service', async (context) => {
  const { node, tables } = await serviceNode(context);
  setService(tables);
  for (const family of families) {
    const to = cluster(family);
    assert.deepEqual(await ask(node, to), { text: backendName(family, 1), from: to });
  }
  assert.deepEqual(await ask(node, mapped), { text: backendName(4, 1), from: mapped });
});

rootTest('a connected socket reaches a backend, and shows the Service', async (context) => {
  const { node, tables } = await serviceNode(context);
  setService(tables);
  for (const to of [cluster(4), cluster(6), mapped]) {
    const fd = await node.open('udp', familyOf(to));
    await node.connect(fd, to);
    assert.deepEqual(await node.peer(fd), to);
    const text = backendName(to === mapped ? 4 : familyOf(to), 1);
    assert.deepEqual(await askAgain(node, fd), { text, from: to });
    assert.deepEqual(await askAgain(node, fd), { text, from: to });
    await node.close(fd);
  }
  assert.equal(entries(tables), 0);
});

rootTest(
  'a socket that was connected to a Service and is not any more shows no Service',
  async (context) => {
    const { node, tables } = await serviceNode(context);
    setService(tables);
    const [direct] = backends[4];
    assert.ok(direct);
    const fd = await node.open('udp', 4);
    await node.connect(fd, cluster(4));
    await node.disconnect(fd);
    assert.deepEqual(await askAgain(node, fd, direct), { text: answerOf(direct), from: direct });
    await node.connect(fd, direct);
    assert.deepEqual(await node.peer(fd), direct);
    assert.deepEqual(await askAgain(node, fd), { text: answerOf(direct), from: direct });
    await node.close(fd);
    assert.equal(entries(tables), 0);
  },
);

rootTest('a node port answers at the node and at its loopback', async (context) => {
  const { node, tables } = await serviceNode(context);
  setService(tables);
  const ipv4 = [ownAddress[4], '127.0.0.1', '::ffff:127.0.0.1', `::ffff:${ownAddress[4]}`];
  const ipv6 = [ownAddress[6], '::1'];
  for (const [family, addresses] of [
    [4, ipv4],
    [6, ipv6],
  ] as const) {
    for (const address of addresses) {
      const to = { address, port: nodePort };
      assert.deepEqual(await ask(node, to), { text: backendName(family, 1), from: to });
    }
  }
});

rootTest('datagrams of a pod are left as they are', async (context) => {
  const { pod, tables } = await serviceNode(context);
  setService(tables);
  for (const family of families) {
    for (const to of [cluster(family), { address: ownAddress[family], port: nodePort }]) {
      assert.deepEqual(await ask(pod, to), { text: answerOf(to), from: to });
      const fd = await pod.open('udp', family);
      await pod.connect(fd, to);
      assert.deepEqual(await pod.peer(fd), to);
      assert.deepEqual(await askAgain(pod, fd), { text: answerOf(to), from: to });
      await pod.close(fd);
    }
  }
  assert.equal(entries(tables), 0);
});

const failures: readonly { readonly choice: TestChoice; readonly errno: string }[] = [
  { choice: { kind: 'refuse' }, errno: 'ECONNREFUSED' },
  { choice: { kind: 'drop' }, errno: 'EHOSTUNREACH' },
  { choice: { kind: 'backends', list: 99, count: 1 }, errno: 'EHOSTUNREACH' },
];

rootTest('without a backend, sending fails', async (context) => {
  const { node, tables } = await serviceNode(context);
  setService(tables);
  for (const { choice, errno } of failures) {
    for (const to of [cluster(4), cluster(6), mapped]) {
      setFrontend(tables, overUdp(cluster(to === mapped ? 4 : familyOf(to))), choice);
      await assert.rejects(ask(node, to), { message: errno });
      const unknown = { ...to, port: 81 };
      await assert.rejects(ask(node, unknown), { message: 'ECONNREFUSED' });
      const fd = await node.open('udp', familyOf(to));
      await assert.rejects(node.connect(fd, to), { message: errno });
      await node.close(fd);
    }
  }
  assert.equal(entries(tables), 0);
});

rootTest('a socket keeps its backend while the list has it', async (context) => {
  const { node, tables } = await serviceNode(context);
  const to = cluster(4);
  setFrontend(tables, overUdp(to), setList(tables, 1, [1, 2, 3]));
  const fd = await node.open('udp', 4);
  const { text } = await askAgain(node, fd, to);
  const kept = [1, 2, 3].find((number) => backendName(4, number) === text);
  assert.ok(kept);
  for (let i = 0; i < 30; i++) assert.deepEqual(await askAgain(node, fd, to), { text, from: to });
  // A new list in which it has another place; then one without it, and with it again.
  for (const [list, numbers] of [
    [2, [kept, 4]],
    [3, kept === 1 ? [1] : [1, kept]],
  ] as const) {
    setFrontend(tables, overUdp(to), setList(tables, list, numbers));
    for (let i = 0; i < 10; i++) assert.equal((await askAgain(node, fd, to)).text, text);
  }
  const next = kept === 1 ? 2 : 1;
  setFrontend(tables, overUdp(to), setList(tables, 4, [next]));
  const expected = { text: backendName(4, next), from: to };
  assert.deepEqual(await askAgain(node, fd, to), expected);
  setFrontend(tables, overUdp(to), setList(tables, 5, [1, 2, 3]));
  for (let i = 0; i < 10; i++) assert.deepEqual(await askAgain(node, fd, to), expected);
  const spread = new Set<string>();
  for (let i = 0; i < 40; i++) spread.add((await ask(node, to)).text);
  assert.equal(spread.size, 3, 'other sockets get any');
  await node.close(fd);
  assert.equal(entries(tables), 0);
});

rootTest('a late answer of a removed backend comes from the Service', async (context) => {
  const { node, tables } = await serviceNode(context);
  const to = cluster(4);
  setFrontend(tables, overUdp(to), setList(tables, 1, [1]));
  const fd = await node.open('udp', 4);
  await node.send(fd, to);
  setFrontend(tables, overUdp(to), setList(tables, 2, [2]));
  await node.send(fd, to);
  const answers = [await node.receive(fd), await node.receive(fd)];
  assert.deepEqual(
    answers.map(({ text }) => text).sort(),
    [1, 2].map((n) => backendName(4, n)),
  );
  for (const { from } of answers) assert.deepEqual(from, to);
  assert.equal(entries(tables), 4, 'the frontend, two backends, and the beginning of the list');
  await node.close(fd);
  assert.equal(entries(tables), 0);
});

rootTest(
  'of two Services and their only backend, the one that was asked last answers',
  async (context) => {
    const { node, tables } = await serviceNode(context);
    const [direct] = backends[4];
    assert.ok(direct);
    const choice = setList(tables, 1, [1]);
    const both = [cluster(4, 80), cluster(4, 90)] as const;
    for (const to of both) setFrontend(tables, overUdp(to), choice);
    const fd = await node.open('udp', 4);
    for (const to of [direct, ...both, ...both, direct, ...both]) {
      assert.deepEqual(await askAgain(node, fd, to), { text: backendName(4, 1), from: to });
    }
    await node.close(fd);
    assert.equal(entries(tables), 0);
  },
);

rootTest('a closed socket leaves no entry, however many Services it used', async (context) => {
  const { node, tables } = await serviceNode(context);
  const count = 40;
  for (let port = 1; port <= count; port++) {
    for (const family of families) {
      const [slot] = backends[family];
      assert.ok(slot);
      // Each with a backend of its own, where nothing listens.
      const list = family * 1000 + port;
      setFrontend(tables, overUdp(cluster(family, port)), setList(tables, list, [1], family));
      const [key, value] = [{ list, index: 0 }, tables.slots.get({ list, index: 0 })];
      assert.ok(value);
      tables.slots.set(key, { ...value, port: 9000 + port });
    }
  }
  const sockets = { 4: await node.open('udp', 4), 6: await node.open('udp', 6) };
  for (const family of families) {
    for (let port = 1; port <= count; port++) {
      await node.send(sockets[family], cluster(family, port));
    }
  }
  assert.equal(entries(tables), 2 * (2 * count + 1));
  await node.close(sockets[4]);
  assert.equal(entries(tables), 2 * count + 1);
  await node.close(sockets[6]);
  assert.equal(entries(tables), 0);
});

rootTest('a datagram that is not for a Service is left as it is', async (context) => {
  const { node, tables } = await serviceNode(context);
  setService(tables);
  for (const family of families) {
    const [, to] = backends[family];
    assert.ok(to);
    assert.deepEqual(await ask(node, to), { text: answerOf(to), from: to });
  }
  assert.equal(entries(tables), 0);
});
