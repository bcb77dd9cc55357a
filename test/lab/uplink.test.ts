// Uplinks that disappear, return and change their address: the data path follows without a restart.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe } from 'node:test';
import {
  curl,
  eventuallyDefined,
  sharedLab,
  type TestLab,
  threePods,
  writeManifest,
} from '../support/lab.ts';
import { rootTest } from '../support/root-test.ts';
import { byDevice } from '../support/tunnel-traffic.ts';

for (const mode of ['native', 'vxlan'] as const) {
  describe(`the uplink of a node, ${mode}`, () => {
    const lab = sharedLab({
      mode,
      manifests: { ...threePods, 'nodes.yaml': nodes('10.200.0.12') },
    });

    rootTest('deleted and recreated: pods reach each other again, both ways', async () => {
      await reach(lab());
      const shown = await lab().inNode('node-2', ['ip', '-o', 'link', 'show', 'dev', 'eth0']);
      const mac = /link\/ether (\S+)/.exec(shown.stdout)?.[1] ?? '';
      await inPlace(lab(), 'switch', 'ip link delete port2');
      await eventuallyDefined('the agent sees that its uplink is gone', async () => {
        return (await lab().status('node-2')).datapath.uplinks.length === 0 ? true : undefined;
      });
      assert.notEqual((await ask(lab(), 'web-1', 'db-1', 4)).exitCode, 0, 'nothing gets through');
      await plugAgain(lab(), mac);
      await eventuallyDefined('the uplink is back', async () => {
        return (await lab().status('node-2')).datapath.uplinks.length === 1 ? true : undefined;
      });
      await reach(lab());
      await healthy(lab());
      await hasNextHops(lab(), 'node-2', [
        ...['10.200.0.1', '10.200.0.11', 'fd00:200::1', 'fd00:200::11'],
      ]);
      if (mode === 'vxlan') await passesDevicesBy(lab(), ['node-1', 'node-2']);
    });

    rootTest(
      'with another address: the other nodes send there as soon as its Node object has it',
      async () => {
        await inPlace(
          lab(),
          'node-2',
          `ip address delete 10.200.0.12/24 dev eth0 && ip address add 10.200.0.22/24 dev eth0 &&
         ip route replace default via 10.200.0.1`,
        );
        writeManifest(join(lab().source, 'nodes.yaml'), nodes('10.200.0.22'));
        await reach(lab());
        await healthy(lab());
        await hasNextHops(lab(), 'node-1', [
          ...['10.200.0.1', '10.200.0.22', 'fd00:200::1', 'fd00:200::12'],
        ]);
        if (mode === 'vxlan') await passesDevicesBy(lab(), ['node-1', 'node-2']);
      },
    );
  });
}

describe('the path between nodes, vxlan', () => {
  const lab = sharedLab({
    mode: 'vxlan',
    // A route that is no default route is seen at the next look.
    settings: { reconcilePeriodMs: 500 },
    manifests: { ...threePods, 'nodes.yaml': nodes('10.200.0.12') },
  });

  rootTest('through a router', async () => {
    await inPlace(lab(), 'node-1', 'ip route add 10.200.0.12/32 via 10.200.0.1');
    await reach(lab());
    await passesDevicesBy(lab(), ['node-1', 'node-2']);
    await inPlace(lab(), 'node-1', 'ip route delete 10.200.0.12/32');
  });

  rootTest('by an interface that is not an uplink: the device finds it', async () => {
    const { namespacePath } = lab().node('node-2');
    await inPlace(
      lab(),
      'node-1',
      `ip link add side up type veth peer name side netns ${namespacePath} &&
       ip address add 192.0.2.1/30 dev side && ip route add 10.200.0.12/32 via 192.0.2.2`,
    );
    await inPlace(lab(), 'node-2', 'ip link set side up && ip address add 192.0.2.2/30 dev side');
    await reach(lab());
    assert.ok((await byDevice(lab(), 'node-1', () => reach(lab()))) > 0);
    await inPlace(lab(), 'node-1', 'ip link delete side');
    await reach(lab());
    await passesDevicesBy(lab(), ['node-1', 'node-2']);
  });

  rootTest(
    'with a route with a smaller MTU: that node leaves all packets to its device',
    async () => {
      await inPlace(lab(), 'node-2', 'ip route add 10.200.0.11/32 dev eth0 mtu 1300');
      await eventuallyDefined('node-2 sends by its device', async () => {
        return (await byDevice(lab(), 'node-2', () => reach(lab()))) > 0 ? true : undefined;
      });
      const large = curl(lab().address(lab().pod('db-1'), 4), '/bytes/300000', '-o', '/dev/null');
      assert.equal((await lab().inPod('web-1', large)).exitCode, 0);
      await passesDevicesBy(lab(), ['node-1']);
      await inPlace(lab(), 'node-2', 'ip route delete 10.200.0.11/32');
      await passesDevicesBy(lab(), ['node-1', 'node-2']);
    },
  );

  rootTest('with an IPsec policy: the device applies it, from the next listing on', async () => {
    const policy = 'dir out src 10.200.0.12/32 dst 10.200.0.11/32 proto udp';
    await inPlace(lab(), 'node-2', `ip xfrm policy add ${policy} action block`);
    await eventuallyDefined('nothing leaves node-2 against its policy', async () => {
      return (await ask(lab(), 'db-1', 'web-1', 4)).exitCode === 0 ? undefined : true;
    });
    await inPlace(lab(), 'node-2', `ip xfrm policy delete ${policy}`);
    await passesDevicesBy(lab(), ['node-1', 'node-2']);
  });
});

/** Waits until pods' packets leave these nodes without their devices. */
async function passesDevicesBy(lab: TestLab, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await eventuallyDefined(`pods' packets leave ${name} beside its device`, async () => {
      return (await byDevice(lab, name, () => reach(lab))) === 0 ? true : undefined;
    });
  }
}

/** Both directions and families, waiting for as long as the change may take to arrive. */
async function reach(lab: TestLab): Promise<void> {
  for (const family of [4, 6] as const) {
    for (const [from, to] of [
      ['web-1', 'db-1'],
      ['db-1', 'web-1'],
    ] as const) {
      await eventuallyDefined(`${from} reaches ${to} over IPv${family}`, async () => {
        return (await ask(lab, from, to, family)).exitCode === 0 ? true : undefined;
      });
    }
  }
}

/** Neighbours that the kernel keeps for us, these and no others. */
function hasNextHops(lab: TestLab, node: string, addresses: readonly string[]): Promise<unknown> {
  return eventuallyDefined(`${node} has the next hops ${addresses.join(', ')}`, async () => {
    const { stdout } = await lab.inNode(node, ['ip', 'neigh', 'show', 'nud', 'all']);
    const lines = stdout.split('\n').filter((line) => line.includes(' managed '));
    const found = lines.map((line) => line.split(' ')[0]).sort();
    return found.join() === addresses.join() ? true : undefined;
  });
}

function healthy(lab: TestLab): Promise<unknown> {
  return eventuallyDefined('both agents are healthy', async () => {
    const states = await Promise.all(['node-1', 'node-2'].map((node) => lab.status(node)));
    return states.every(({ health }) => health.state === 'healthy') ? true : undefined;
  });
}

function ask(lab: TestLab, from: string, to: string, family: 4 | 6): ReturnType<TestLab['inPod']> {
  return lab.inPod(from, curl(lab.address(lab.pod(to), family), '/', '--max-time', '1'));
}

// The same MAC address, as a card that is plugged in again has: neighbours go on where they were.
async function plugAgain(lab: TestLab, mac: string): Promise<void> {
  const { namespacePath } = lab.node('node-2');
  await inPlace(
    lab,
    'switch',
    `ip link add port2 up type veth peer name eth0 address ${mac} netns ${namespacePath}`,
  );
  await inPlace(lab, 'switch', 'ip link set port2 master fabric');
  await inPlace(
    lab,
    'node-2',
    `ip link set eth0 up && ip address add 10.200.0.12/24 dev eth0 &&
     ip address add fd00:200::12/64 dev eth0 nodad &&
     ip route add default via 10.200.0.1 && ip route add default via fd00:200::1`,
  );
}

async function inPlace(lab: TestLab, node: string, script: string): Promise<void> {
  const { exitCode, stderr } = await lab.inNode(node, ['sh', '-c', script]);
  assert.equal(exitCode, 0, stderr);
}

function nodes(secondAddress: string): readonly object[] {
  return [
    ['node-1', '10.200.0.11', 1],
    ['node-2', secondAddress, 2],
  ].map(([name, ipv4, number]) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name },
    spec: { podCIDRs: [`10.201.${number}.0/24`, `fd00:201:${number}::/64`] },
    status: {
      addresses: [ipv4, `fd00:200::1${number}`].map((address) => ({ type: 'InternalIP', address })),
    },
  }));
}
