// A bridge as uplink, whose packets pass iptables at its port (`bridge-nf-call-iptables`, which Docker sets): connection
// tracking and translation run before `from_network`, and the stack has to finish what it began.

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { AddressFamily } from '../../src/net/address.ts';
import { echoPod, eventuallyDefined, sharedLab, type TestLab, urlHost } from '../support/lab.ts';
import { rootTest } from '../support/root-test.ts';

const hostPort = 18080;

function servedPod(): object {
  const pod = echoPod('alice', 'node-1') as { spec: { containers: [{ ports?: object[] }] } };
  pod.spec.containers[0].ports = [{ containerPort: 8080, hostPort }];
  return pod;
}

describe('a bridge as uplink, native', () => {
  const lab = sharedLab({
    mode: 'native',
    settings: { reconcilePeriodMs: 500 },
    manifests: { 'pods.yaml': [servedPod(), echoPod('bob', 'node-2')] },
  });

  rootTest(
    'pods of another node reach pods and host ports, translated before the bridge',
    async () => {
      await bridgeUplink(lab());
      for (const isFiltered of [0, 1]) {
        await inNode(
          lab(),
          `sysctl -qw net.bridge.bridge-nf-call-iptables=${isFiltered} net.bridge.bridge-nf-call-ip6tables=${isFiltered}`,
        );
        for (const family of [4, 6] as const) {
          const node = addressOf(lab(), 'node-1', family);
          const own = addressOf(lab(), 'alice', family);
          const far = addressOf(lab(), 'bob', family);
          const what = `bridge-nf-call ${isFiltered}, IPv${family}`;
          await reaches(lab(), 'bob', `http://${urlHost(own)}:8080/`, `pod, ${what}`);
          await reaches(lab(), 'bob', `http://${urlHost(node)}:${hostPort}/`, `host port, ${what}`);
          await reaches(lab(), 'alice', `http://${urlHost(far)}:8080/`, `the other way, ${what}`);
        }
      }
    },
  );
});

/** Moves the addresses and routes of node-1's eth0 to a bridge above it. */
async function bridgeUplink(lab: TestLab): Promise<void> {
  const [ipv4, ipv6] = ([4, 6] as const).map((family) => addressOf(lab, 'node-1', family));
  await inNode(
    lab,
    `r4=$(ip route show default | sed 's/dev eth0/dev br0/')
     r6=$(ip -6 route show default | head -n 1 | sed 's/dev eth0/dev br0/; s/proto.*//')
     mac=$(ip -o link show eth0 | sed 's/.*ether \\([^ ]*\\).*/\\1/')
     ip link add br0 type bridge && ip link set br0 address $mac && ip link set br0 up
     ip address flush dev eth0 && ip link set eth0 master br0
     ip address add ${ipv4}/24 dev br0 && ip -6 address add ${ipv6}/64 dev br0 nodad
     ip route replace $r4 && ip -6 route replace $r6`,
  );
  await eventuallyDefined('the bridge is the uplink', async () => {
    const { uplinks } = (await lab.status('node-1')).datapath;
    return uplinks.some((uplink) => JSON.stringify(uplink).includes('br0')) || undefined;
  });
}

async function reaches(lab: TestLab, pod: string, url: string, what: string): Promise<void> {
  await eventuallyDefined(what, async () => {
    const { exitCode } = await lab.inPod(pod, ['curl', '-sS', '--max-time', '2', url]);
    return exitCode === 0 || undefined;
  });
}

function addressOf(lab: TestLab, name: string, family: AddressFamily): string {
  return lab.address(name.startsWith('node') ? lab.node(name) : lab.pod(name), family);
}

async function inNode(lab: TestLab, script: string): Promise<void> {
  const { exitCode, stderr } = await lab.inNode('node-1', ['sh', '-c', script]);
  assert.equal(exitCode, 0, stderr);
}
