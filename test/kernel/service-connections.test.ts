// TCP to Services by real sockets, of a process of the node and of one of a pod.

import assert from 'node:assert/strict';
import { parseAddress } from '../../src/net/address.ts';
import { rootTest } from '../support/root-test.ts';
import {
  answerOf,
  type ByFamily,
  backends,
  clusterAddress,
  nodePort,
  ownAddress,
  podBackend,
  type SocketNode,
  serviceNode,
  serviceNumber,
  setFrontend,
  setList,
  type TestChoice,
} from '../support/service-node.ts';
import { CallError, type SocketCaller, type SocketEnd } from '../support/socket-caller.ts';

/** Answer of the server and peer of the socket, or the errno. */
type Outcome = string | { readonly answer: string; readonly peer: SocketEnd };

const families = [4, 6] as const;
const cluster: ByFamily<SocketEnd> = {
  4: { address: clusterAddress[4], port: 80 },
  6: { address: clusterAddress[6], port: 80 },
};
const mapped: SocketEnd = { address: `::ffff:${clusterAddress[4]}`, port: 80 };
const first: ByFamily<string> = { 4: backendName(4, 1), 6: backendName(6, 1) };

function backendName(family: 4 | 6, number: number): string {
  return answerOf(backends[family][number - 1] ?? assert.fail());
}

interface ConnectOptions {
  readonly kind?: 'tcp' | 'mptcp';
  readonly from?: string;
}

async function connect(
  caller: SocketCaller,
  to: SocketEnd,
  { kind = 'tcp', from }: ConnectOptions = {},
): Promise<Outcome> {
  const fd = await caller.open(kind, to.address.includes(':') ? 6 : 4);
  try {
    if (from !== undefined) await caller.bind(fd, { address: from, port: 0 });
    await caller.connect(fd, to);
    const peer = await caller.peer(fd);
    const { text } = await caller.receive(fd);
    return { answer: text, peer };
  } catch (error) {
    if (error instanceof CallError) return error.message;
    throw error;
  } finally {
    await caller.close(fd);
  }
}

/** At the cluster address and its other ports. */
function setCluster({ tables }: SocketNode, choices: ByFamily<TestChoice>): void {
  for (const family of families) {
    setFrontend(tables, { ...cluster[family], protocol: 'tcp' }, choices[family]);
    const otherPorts = { address: clusterAddress[family], port: 0, protocol: 'tcp' } as const;
    setFrontend(tables, otherPorts, { kind: 'refuse' });
  }
}

function setNodePort({ tables }: SocketNode, choices: ByFamily<TestChoice>): void {
  for (const family of families) {
    const address = family === 4 ? '0.0.0.0' : '::';
    setFrontend(tables, { address, port: nodePort, protocol: 'tcp' }, choices[family]);
  }
}

/** Lists of these backends, one for each family. */
function setLists({ tables }: SocketNode, numbers: readonly number[]): ByFamily<TestChoice> {
  return { 4: setList(tables, 4, numbers, 4), 6: setList(tables, 6, numbers, 6) };
}

function same(choice: TestChoice): ByFamily<TestChoice> {
  return { 4: choice, 6: choice };
}

/** What a server says that no program has led the connection to. */
function direct(to: SocketEnd): Outcome {
  return { answer: answerOf(to), peer: to };
}

rootTest('a connection reaches a backend, and its peer is the Service', async (context) => {
  const made = await serviceNode(context);
  setCluster(made, setLists(made, [1]));
  for (const caller of [made.node, made.pod]) {
    for (const family of families) {
      const to = cluster[family];
      assert.deepEqual(await connect(caller, to), { answer: first[family], peer: to });
    }
    assert.deepEqual(await connect(caller, mapped), { answer: first[4], peer: mapped });
  }
});

rootTest('a refused connection, and one to an unknown port, fails immediately', async (context) => {
  const made = await serviceNode(context);
  setCluster(made, same({ kind: 'refuse' }));
  for (const caller of [made.node, made.pod]) {
    for (const to of [cluster[4], cluster[6], mapped]) {
      assert.equal(await connect(caller, to), 'ECONNREFUSED');
      assert.equal(await connect(caller, { ...to, port: 81 }), 'ECONNREFUSED');
    }
  }
});

rootTest(
  'without an answer a process of the node gets an error, and packets of a pod stay as they are',
  async (context) => {
    const made = await serviceNode(context);
    const lists = setLists(made, [1]);
    const choices: readonly ByFamily<TestChoice>[] = [
      same({ kind: 'drop' }),
      // A list that is not there, and one of the other family.
      same({ kind: 'backends', list: 99, count: 1 }),
      { 4: lists[6], 6: lists[4] },
      { 4: { ...lists[4], hasSourceRanges: true }, 6: { ...lists[6], hasSourceRanges: true } },
    ];
    for (const choice of choices) {
      setCluster(made, choice);
      for (const to of [cluster[4], cluster[6], mapped]) {
        assert.equal(await connect(made.node, to), 'EHOSTUNREACH');
      }
      for (const family of families) {
        assert.deepEqual(await connect(made.pod, cluster[family]), direct(cluster[family]));
      }
    }
  },
);

rootTest('source ranges admit the processes of the node by the address ff00::', async (context) => {
  const made = await serviceNode(context);
  const lists = setLists(made, [1]);
  const node = { prefixLength: 160, service: serviceNumber, address: parseAddress('ff00::') };
  made.tables.sourceRanges.set(node, { allowed: 1 });
  setCluster(made, { 4: { ...lists[4], hasSourceRanges: true }, 6: lists[6] });
  const peer = cluster[4];
  assert.deepEqual(await connect(made.node, cluster[4]), { answer: first[4], peer });
  assert.deepEqual(await connect(made.pod, cluster[4]), direct(cluster[4]));
});

rootTest(
  'a node port answers at the addresses of the node and at its loopback',
  async (context) => {
    const made = await serviceNode(context);
    setNodePort(made, setLists(made, [1]));
    const at = (address: string): SocketEnd => ({ address, port: nodePort });
    const own4 = ['127.0.0.1', '127.9.9.9', '0.0.0.0', '::ffff:127.0.0.1', '::ffff:0.0.0.0'].map(
      at,
    );
    const own6 = ['::1', '::'].map(at);
    for (const to of [at(ownAddress[4]), at(`::ffff:${ownAddress[4]}`), ...own4]) {
      assert.deepEqual(await connect(made.node, to), { answer: first[4], peer: to });
    }
    for (const to of [at(ownAddress[6]), ...own6]) {
      assert.deepEqual(await connect(made.node, to), { answer: first[6], peer: to });
    }
    for (const family of families) {
      const to = at(ownAddress[family]);
      assert.deepEqual(await connect(made.pod, to), { answer: first[family], peer: to });
    }
    for (const to of [...own4, ...own6]) {
      assert.equal(await connect(made.pod, to), 'ECONNREFUSED', `${to.address} is the pod's own`);
    }
    for (const to of [...families.map((family) => clusterAddress[family])].map(at)) {
      assert.equal(await connect(made.node, to), 'ECONNREFUSED', 'not an address of the node');
    }
  },
);

rootTest('a Service at an address of the node comes before a node port', async (context) => {
  const made = await serviceNode(context);
  setNodePort(made, same({ kind: 'refuse' }));
  const lists = setLists(made, [1]);
  for (const family of families) {
    const to = { address: ownAddress[family], port: nodePort };
    assert.equal(await connect(made.node, to), 'ECONNREFUSED');
    setFrontend(made.tables, { ...to, protocol: 'tcp' }, lists[family]);
    assert.deepEqual(await connect(made.node, to), { answer: first[family], peer: to });
  }
});

rootTest('a client keeps its backend as long as its affinity lasts', async (context) => {
  const made = await serviceNode(context);
  const lists = setLists(made, [1, 2, 3]);
  setCluster(made, { 4: { ...lists[4], affinitySeconds: 60 }, 6: lists[6] });
  const limits = { forMs: 5000, most: 40 };
  const kept = await made.node.connectRepeatedly(cluster[4], limits);
  assert.deepEqual(Object.values(kept), [40]);
  // A pod's packets are known by their address; a process could make any number of namespaces.
  assert.deepEqual(await connect(made.pod, cluster[4]), direct(cluster[4]));
  for (const caller of [made.node, made.pod]) {
    const spread = await caller.connectRepeatedly(cluster[6], limits);
    assert.deepEqual(
      Object.keys(spread).sort(),
      [1, 2, 3].map((n) => backendName(6, n)),
    );
  }
  const clients = [...made.tables.affinities.entries()].map(([{ client }]) => client);
  assert.deepEqual(clients, [parseAddress('ff00::')]);
});

rootTest('where Services are off, nothing is led anywhere', async (context) => {
  const made = await serviceNode(context, { servicesOn: false });
  setCluster(made, setLists(made, [1]));
  setNodePort(made, setLists(made, [1]));
  for (const caller of [made.node, made.pod]) {
    for (const family of families) {
      const atNode = { address: ownAddress[family], port: nodePort };
      for (const to of [cluster[family], atNode]) {
        assert.deepEqual(await connect(caller, to), direct(to));
      }
      assert.equal(await connect(caller, { ...cluster[family], port: 81 }), 'ECONNREFUSED');
    }
  }
  assert.equal(made.tables.connectedSockets.count(), 0);
});

rootTest('a pod reaches itself through its Service', async (context) => {
  const made = await serviceNode(context);
  setCluster(made, setLists(made, [podBackend]));
  for (const family of families) {
    const outcome = await connect(made.pod, cluster[family]);
    assert.deepEqual(outcome, { answer: backendName(family, podBackend), peer: cluster[family] });
  }
});

rootTest('where pods are excepted, only connections of the node are led', async (context) => {
  const made = await serviceNode(context, { podSocketsOn: false });
  setCluster(made, setLists(made, [1]));
  for (const family of families) {
    const to = cluster[family];
    assert.deepEqual(await connect(made.node, to), { answer: first[family], peer: to });
    assert.deepEqual(await connect(made.pod, to), direct(to));
  }
});

// With kube-proxy it is the same, except for node ports of its mode iptables, which sets route_localnet.
rootTest(
  'a socket that is bound to 127.0.0.1 reaches only backends of the node',
  async (context) => {
    const made = await serviceNode(context);
    const from = '127.0.0.1';
    const atLoopback = { address: from, port: nodePort };
    setNodePort(made, setLists(made, [1]));
    const expected = { answer: first[4], peer: atLoopback };
    assert.deepEqual(await connect(made.node, atLoopback, { from }), expected);
    setNodePort(made, setLists(made, [podBackend]));
    assert.equal(await connect(made.node, atLoopback, { from }), 'EINVAL');
    const answer = backendName(4, podBackend);
    assert.deepEqual(await connect(made.node, atLoopback), { answer, peer: atLoopback });
  },
);

rootTest(
  'a connection of MPTCP reaches a backend, and its peer is the backend',
  async (context) => {
    const made = await serviceNode(context);
    setCluster(made, setLists(made, [1]));
    for (const caller of [made.node, made.pod]) {
      for (const family of families) {
        const [peer] = backends[family];
        const outcome = await connect(caller, cluster[family], { kind: 'mptcp' });
        assert.deepEqual(outcome, { answer: first[family], peer });
      }
    }
  },
);
