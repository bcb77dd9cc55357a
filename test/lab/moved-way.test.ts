// A node with two networks whose way to the outside moves from one to the other: pods' connections do not keep an
// address that does not work there.

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { echoPod, sharedLab, type TestLab } from '../support/lab.ts';
import { outsideHost, PeerClient, peerPort, worldServer } from '../support/peers.ts';
import { rootTest } from '../support/root-test.ts';

const families = [4, 6] as const;

describe('connections when the exit moves to another interface', () => {
  const lab = sharedLab({
    settings: { reconcilePeriodMs: 600_000 },
    manifests: { 'pods.yaml': [echoPod('cart-1', 'node-1')] },
  });
  worldServer(lab);

  const deeds = [
    [
      'the first default route goes',
      'ip route del default dev eth0; ip -6 route del default dev eth0',
      'ip route add default via 10.200.0.1 dev eth0; ip -6 route add default via fd00:200::1 dev eth0',
    ],
    ['its interface goes down', 'ip link set eth0 down', 'ip link set eth0 up'],
  ] as const;
  for (const [what, deed, undo] of deeds) {
    rootTest(`${what}: datagrams leave with the other address, streams end`, async () => {
      await addSecondNetwork(lab());
      const pod = lab().pod('cart-1');
      const start = (protocol: string): PeerClient[] =>
        families.map(
          (family) => new PeerClient(pod, [protocol, outsideHost[family], String(peerPort)]),
        );
      const clients = [...start('udp'), ...start('tcp')];
      try {
        const former = families.map((family) => nodeAddress(lab(), family));
        for (const [index, client] of clients.entries()) await client.says(former[index % 2] ?? '');
        await inNode(lab(), deed);
        const [udp4, udp6, ...streams] = clients;
        await udp4?.says('10.99.0.11');
        await udp6?.says('fd00:99::11');
        for (const stream of streams) await stream.says('closed');
      } finally {
        for (const client of clients) client.end();
        await inNode(lab(), undo);
      }
    });
  }
});

/** node-1's eth1, straight to the outside host, with default routes that come second. */
async function addSecondNetwork(lab: TestLab): Promise<void> {
  const { namespacePath } = lab.lab.record().world;
  await inNode(
    lab,
    `ip link show eth1 2>/dev/null || {
       ip link add eth1 type veth peer name side netns ${namespacePath} && ip link set eth1 up &&
       ip address add 10.99.0.11/16 dev eth1 && ip address add fd00:99::11/64 dev eth1 nodad; }`,
  );
  // It answers with the address of the request.
  const side = `ip link set side up && ip address replace 10.99.0.1/16 dev side &&
    ip address replace fd00:99::1/64 dev side nodad &&
    ip route replace 10.99.0.0/16 dev side src ${outsideHost[4]} &&
    ip -6 route replace fd00:99::/64 dev side src ${outsideHost[6]} metric 100`;
  assert.equal((await lab.inNode('world', ['sh', '-c', side])).exitCode, 0);
  await inNode(
    lab,
    `ip route replace default via 10.99.0.1 dev eth1 metric 500 &&
     ip -6 route replace default via fd00:99::1 dev eth1 metric 5000`,
  );
}

function nodeAddress(lab: TestLab, family: 4 | 6): string {
  return lab.address(lab.node('node-1'), family);
}

async function inNode(lab: TestLab, script: string): Promise<void> {
  const { exitCode, stderr } = await lab.inNode('node-1', ['sh', '-c', script]);
  assert.equal(exitCode, 0, stderr);
}
