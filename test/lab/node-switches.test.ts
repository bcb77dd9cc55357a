// Kernel settings of the node that stop pods' packets: they are set for our interfaces, whatever a hardened node gives
// to new interfaces, and restored as soon as the kernel reports that another process has changed one.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe } from 'node:test';
import {
  curl,
  echoPod,
  eventuallyDefined,
  sharedLab,
  type TestLab,
  threePods,
  writeManifest,
} from '../support/lab.ts';
import { rootTest } from '../support/root-test.ts';

const world = { 4: '203.0.113.10', 6: '2001:db8:113::10' } as const;
const soonMs = 3000;

for (const mode of ['native', 'vxlan'] as const) {
  describe(`kernel switches, ${mode}`, () => {
    // No period comes within a test: what is restored, is restored because the kernel said so.
    const settings = { reconcilePeriodMs: 600_000 };
    const lab = sharedLab({ mode, manifests: threePods, settings });

    rootTest(
      'a pod created on a node that forwards on no new interface reaches the world',
      async () => {
        await inNode(
          lab(),
          `cd /proc/sys/net && echo 0 > ipv4/conf/default/forwarding &&
         echo 0 > ipv6/conf/default/forwarding && echo 1 > ipv6/conf/default/disable_ipv6`,
        );
        writeManifest(join(lab().source, 'later.yaml'), [echoPod('later', 'node-1')]);
        await eventuallyDefined('the pod runs', () =>
          lab()
            .lab.record()
            .pods.some(({ name, addresses }) => name === 'later' && addresses.length === 2),
        );
        for (const family of [4, 6] as const) await reachesWorld(lab(), 'later', family);
        assert.equal(await read(lab(), 'ipv4/conf/default/forwarding'), '0', 'not ours');
      },
    );

    rootTest(
      'forwarding of the node, of an uplink and of a pod is restored immediately',
      async () => {
        const pod = await hostInterface(lab(), 'later');
        const names = [
          'ipv4/ip_forward',
          'ipv6/conf/all/forwarding',
          'ipv4/conf/eth0/forwarding',
          `ipv4/conf/${pod}/forwarding`,
          ...(mode === 'vxlan' ? ['ipv4/conf/heddle_vxlan/forwarding'] : []),
        ];
        for (const name of names) {
          await inNode(lab(), `echo 0 > /proc/sys/net/${name}`);
          await eventuallyDefined(
            name,
            async () => ((await read(lab(), name)) === '1' ? true : undefined),
            soonMs,
          );
        }
        for (const family of [4, 6] as const) await reachesWorld(lab(), 'later', family);
        const { health, tables } = await lab().status('node-1');
        assert.deepEqual(health.reasons, []);
        const { writes } = tables.find(({ name }) => name === 'sysctls') ?? assert.fail();
        assert.ok(writes.restored >= names.length, `${writes.restored} restored`);
      },
    );

    rootTest(
      'an interface that is not an uplink keeps accepting router advertisements',
      async () => {
        await inNode(
          lab(),
          `ip link add side type veth peer name edis && ip link set edis up &&
         echo 0 > /proc/sys/net/ipv6/conf/side/disable_ipv6 &&
         echo 1 > /proc/sys/net/ipv6/conf/side/accept_ra && ip link set side up &&
         ip -6 route add 2001:db8:7::/48 dev side proto ra &&
         ip address add 192.0.2.1/30 dev side`,
        );
        await eventuallyDefined(
          'it takes them although the node forwards',
          async () => ((await read(lab(), 'ipv6/conf/side/accept_ra')) === '2' ? true : undefined),
          soonMs,
        );
        assert.equal(await read(lab(), 'ipv6/conf/edis/accept_ra'), '1', 'it never heard a router');
      },
    );
  });
}

async function inNode(lab: TestLab, script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await lab.inNode('node-1', ['sh', '-c', script]);
  assert.equal(exitCode, 0, stderr);
  return stdout.trim();
}

function read(lab: TestLab, name: string): Promise<string> {
  return inNode(lab, `cat /proc/sys/net/${name}`);
}

// Nothing listens there: a refusal shows that the packet has arrived.
async function reachesWorld(lab: TestLab, pod: string, family: 4 | 6): Promise<void> {
  const { exitCode, stderr } = await lab.inPod(pod, curl(world[family]));
  const couldNotConnect = 7;
  assert.equal(exitCode, couldNotConnect, stderr);
  assert.match(stderr, /refused|Couldn't connect/);
}

async function hostInterface(lab: TestLab, pod: string): Promise<string> {
  const route = await inNode(lab, `ip -o route show ${lab.address(lab.pod(pod), 4)}`);
  return /dev (\S+)/.exec(route)?.[1] ?? assert.fail(route);
}
