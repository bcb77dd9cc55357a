// Sockets over time: what is remembered until they are closed, and other calls than the first one.

import assert from 'node:assert/strict';
import { locationKind, maps } from '../../src/datapath/generated.ts';
import { parseAddress } from '../../src/net/address.ts';
import { rootTest } from '../support/root-test.ts';
import {
  answerOf,
  backends,
  clusterAddress,
  nodePort,
  ownAddress,
  serviceNode,
  setFrontend,
  setList,
  type TestFrontend,
} from '../support/service-node.ts';
import type { SocketEnd } from '../support/socket-caller.ts';

const cluster: SocketEnd = { address: clusterAddress[4], port: 80 };

function overTcp(to: SocketEnd): TestFrontend {
  return { ...to, protocol: 'tcp' };
}

rootTest('the entries of closed connections are deleted', async (context) => {
  const { node, pod, tables } = await serviceNode(context);
  setFrontend(tables, overTcp(cluster), setList(tables, 1, [1, 2]));
  const sockets: number[] = [];
  for (let i = 0; i < 100; i++) {
    const fd = await node.open('tcp', 4);
    await node.connect(fd, cluster);
    sockets.push(fd);
  }
  assert.equal(tables.connectedSockets.count(), 100);
  for (const [, entry] of tables.connectedSockets.entries()) {
    assert.deepEqual(
      [entry.frontend, entry.frontendPort, entry.protocol],
      [cluster.address, 80, 6],
    );
    assert.ok([1, 2].some((n) => backends[4][n - 1]?.address === entry.backend));
  }
  for (const fd of sockets) await node.close(fd);
  assert.equal(tables.connectedSockets.count(), 0);
  const made = await pod.connectRepeatedly(cluster, { forMs: 5000, most: 500 });
  const total = Object.values(made).reduce((sum, count) => sum + count, 0);
  assert.deepEqual([total, tables.connectedSockets.count()], [500, 0]);
});

rootTest('the entries of a process that is killed are deleted', async (context) => {
  const { startNodeProcess, tables } = await serviceNode(context);
  setFrontend(tables, overTcp(cluster), setList(tables, 1, [1]));
  const process = await startNodeProcess();
  await process.connect(await process.open('tcp', 4), cluster);
  assert.equal(tables.connectedSockets.count(), 1);
  await process.end();
  assert.equal(tables.connectedSockets.count(), 0);
});

rootTest('a socket that was refused can connect to another Service', async (context) => {
  const { node, tables } = await serviceNode(context);
  const refusing = { address: cluster.address, port: 81 };
  setFrontend(tables, overTcp(cluster), setList(tables, 1, [1]));
  setFrontend(tables, overTcp(refusing), { kind: 'refuse' });
  const fd = await node.open('tcp', 4);
  await assert.rejects(node.connect(fd, refusing), { message: 'ECONNREFUSED' });
  await node.connect(fd, cluster);
  assert.deepEqual(await node.peer(fd), cluster);
});

// Each has the same address and port at both ends then. Without programs they would have two peers.
rootTest('two sockets with one port cannot reach one backend by two Services', async (context) => {
  const { node, tables } = await serviceNode(context);
  const list = setList(tables, 1, [1]);
  const services = [cluster, { ...cluster, port: 82 }];
  for (const to of services) setFrontend(tables, overTcp(to), list);
  const outcomes: string[] = [];
  for (const to of services) {
    const fd = await node.open('tcp', 4);
    await node.sharePort(fd);
    await node.bind(fd, { address: ownAddress[4], port: 40_000 });
    const connected = node.connect(fd, to);
    outcomes.push(
      await connected.then(
        () => 'connected',
        ({ message }: Error) => message,
      ),
    );
  }
  assert.deepEqual(outcomes, ['connected', 'EADDRNOTAVAIL']);
});

rootTest('a process reaches its own node at an address without node ports', async (context) => {
  const { node, tables, loaded } = await serviceNode(context);
  const nodePortAt = { address: '0.0.0.0', port: nodePort };
  setFrontend(tables, overTcp(nodePortAt), setList(tables, 1, [1]));
  const asked: SocketEnd = { address: ownAddress[4], port: nodePort };
  const answer = async (): Promise<string> => {
    const fd = await node.open('tcp', 4);
    await node.connect(fd, asked);
    return (await node.receive(fd)).text;
  };
  assert.equal(await answer(), answerOf(backends[4][0] ?? asked));
  using addresses = loaded.map(maps.addresses);
  const plain = { kind: locationKind.hostPlain, ifindex: 0, endpointId: 0, queued: 0 };
  addresses.set(parseAddress(ownAddress[4]), plain);
  assert.equal(await answer(), answerOf(asked));
});
