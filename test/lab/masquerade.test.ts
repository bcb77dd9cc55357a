// The source of pods' packets that leave the node: by every interface, and wherever the node has the address under
// which the cluster knows it.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { after, before, describe } from 'node:test';
import { labProgram } from '../../src/lab/paths.ts';
import { spawnInPlace } from '../../src/lab/spawn.ts';
import {
  curl,
  echoAnswer,
  eventuallyDefined,
  sharedLab,
  type TestLab,
  threePods,
} from '../support/lab.ts';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import { withoutCounters } from '../support/ruleset.ts';

const world = { 4: '203.0.113.10', 6: '2001:db8:113::10' } as const;
const far = { 4: '10.99.0.1', 6: 'fd00:99::1' } as const;
const near = { 4: '10.99.0.2', 6: 'fd00:99::2' } as const;
const families = [4, 6] as const;

for (const mode of ['native', 'vxlan'] as const) {
  describe(`a second network that is not an uplink, ${mode}`, () => {
    const lab = sharedLab({ mode, manifests: threePods });
    worldServer(lab);

    rootTest(
      'an interface that is added later carries packets of pods with its own address',
      async () => {
        const { namespacePath } = lab().lab.record().world;
        // Like a VPN: a network of its own, no default route, another name than any uplink.
        await inPlace(
          lab(),
          'node-2',
          `ip link add wg0 type veth peer name side netns ${namespacePath} && ip link set wg0 up &&
         ip address add ${near[4]}/16 dev wg0 && ip address add ${near[6]}/64 dev wg0 nodad`,
        );
        await inPlace(
          lab(),
          'world',
          `ip link set side up && ip address add ${far[4]}/16 dev side &&
         ip address add ${far[6]}/64 dev side nodad`,
        );
        for (const family of families) {
          assert.equal(await peerSeenBy(lab(), far[family]), near[family]);
          const node = lab().address(lab().node('node-2'), family);
          assert.equal(await peerSeenBy(lab(), world[family]), node);
        }
      },
    );

    rootTest('the tunnel port of an outside host is an ordinary port', async () => {
      const listener = spawnInPlace(lab().lab.record().world, labDatagramServer, {
        stdio: 'ignore',
      });
      try {
        for (const family of families) {
          const node = lab().address(lab().node('node-2'), family);
          await eventuallyDefined(`UDP 4789 is answered, IPv${family}`, async () => {
            const asked = await lab().inPod('db-1', askDatagram(world[family]));
            return asked.stdout === node ? true : undefined;
          });
        }
      } finally {
        listener.kill();
      }
    });
  });
}

describe("where the cluster's address for the node is, native", () => {
  const lab = sharedLab({ manifests: threePods });
  worldServer(lab);

  rootTest('the second address of the uplink', async () => {
    await inPlace(
      lab(),
      'node-2',
      `ip address delete 10.200.0.12/24 dev eth0 && ip address add 10.200.0.50/24 dev eth0 &&
       ip address add 10.200.0.12/24 dev eth0 && ip route replace default via 10.200.0.1`,
    );
    await leavesWith(lab(), '10.200.0.12');
  });

  rootTest(
    "an administrator's rule for one pod takes precedence, whichever was loaded last",
    async () => {
      const pod = lab().address(lab().pod('db-1'), 4);
      const rule = `POSTROUTING -s ${pod}/32 -d ${world[4]} -o eth0 -j SNAT --to-source 10.200.0.61`;
      await inPlace(
        lab(),
        'node-2',
        `ip address add 10.200.0.61/32 dev eth0 && iptables-nft -t nat -A ${rule}`,
      );
      assert.equal(await peerSeenBy(lab(), world[4]), '10.200.0.61');
      const rules = async (): Promise<string> =>
        withoutCounters(
          (await lab().inNode('node-2', ['nft', 'list', 'table', 'inet', 'heddle'])).stdout,
        );
      const ours = await rules();
      await inPlace(lab(), 'node-2', 'nft delete table inet heddle');
      await eventuallyDefined('our table is back', async () =>
        (await rules()) === ours ? true : undefined,
      );
      assert.equal(await peerSeenBy(lab(), world[4]), '10.200.0.61');
      await inPlace(
        lab(),
        'node-2',
        `iptables-nft -t nat -D ${rule} && ip address delete 10.200.0.61/32 dev eth0`,
      );
    },
  );

  rootTest('loopback, with routers that lead there', async () => {
    await inPlace(
      lab(),
      'node-2',
      'ip address delete 10.200.0.12/24 dev eth0 && ip address add 10.200.0.12/32 dev lo',
    );
    await inPlace(lab(), 'switch', 'ip route replace 10.200.0.12/32 via 10.200.0.50');
    await leavesWith(lab(), '10.200.0.12');
  });

  rootTest('no interface: the address of the exit', async () => {
    await inPlace(lab(), 'node-2', 'ip address delete 10.200.0.12/32 dev lo');
    await leavesWith(lab(), '10.200.0.50');
  });
});

/** The address that the world sees for `db-1`, a pod of node-2, over HTTP. */
async function peerSeenBy(lab: TestLab, address: string): Promise<string> {
  return echoAnswer(await lab.inPod('db-1', curl(address, '/', '--max-time', '2'))).peer;
}

function leavesWith(lab: TestLab, address: string): Promise<unknown> {
  return eventuallyDefined(`pods leave with ${address}`, async () => {
    const { exitCode, stdout } = await lab.inPod('db-1', curl(world[4], '/', '--max-time', '1'));
    return exitCode === 0 && (JSON.parse(stdout) as { peer: string }).peer === address
      ? true
      : undefined;
  });
}

const serverScript = `
const socket = require('node:dgram').createSocket({ type: 'udp6' });
socket.on('message', (_, { address, port }) => socket.send(address.replace('::ffff:', ''), port, address));
socket.bind(4789);
setTimeout(() => process.exit(), 60000);
`;
const labDatagramServer = [process.execPath, '-e', serverScript] as const;

function askDatagram(address: string): readonly string[] {
  const script = `
const socket = require('node:dgram').createSocket('udp${address.includes(':') ? 6 : 4}');
socket.on('message', (answer) => { process.stdout.write(answer); process.exit(); });
socket.send('?', 4789, '${address}');
setTimeout(() => process.exit(1), 1000);
`;
  return [process.execPath, '-e', script];
}

/** An echo server on the outside host, for the tests of a `describe`. */
function worldServer(lab: () => TestLab): void {
  let server: ChildProcess | undefined;
  before(async () => {
    if (reasonToSkip() !== undefined) return;
    server = spawnInPlace(lab().lab.record().world, labProgram('echo'), {
      stdio: 'ignore',
      environment: { POD_NAMESPACE: 'outside', POD_NAME: 'world' },
    });
    await eventuallyDefined('the world serves', async () => {
      const { exitCode } = await lab().inNode('world', curl('127.0.0.1'));
      return exitCode === 0 ? true : undefined;
    });
  });
  after(() => {
    server?.kill();
  });
}

async function inPlace(lab: TestLab, node: string, script: string): Promise<void> {
  const { exitCode, stderr } = await lab.inNode(node, ['sh', '-c', script]);
  assert.equal(exitCode, 0, stderr);
}
