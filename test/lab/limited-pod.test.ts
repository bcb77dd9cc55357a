// A pod with all rights in its own namespace cannot remove its limits; limits outlive the agent; and a pod that is
// faster than the report about it has its limits too.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe } from 'node:test';
import type { EndpointView } from '../../src/api/endpoints.ts';
import {
  echoPod,
  eventuallyDefined,
  sharedLab,
  type TestLab,
  writeManifest,
} from '../support/lab.ts';
import { echoDatagrams } from '../support/lab-traffic.ts';
import { rootTest } from '../support/root-test.ts';

const bitsPerSecond = 20_000_000;
const annotations = {
  'kubernetes.io/ingress-bandwidth': '20M',
  'kubernetes.io/egress-bandwidth': '20M',
};

function iperfPod(name: string, node: string, limits?: object): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'shop', name, ...(limits !== undefined && { annotations: limits }) },
    spec: {
      nodeName: node,
      containers: [{ name: 'iperf3', image: 'none', command: ['iperf3', '-s'] }],
    },
  };
}

/** What a pod with CAP_NET_ADMIN does to itself, one after the other, each on top of those before. */
const deeds: readonly { readonly name: string; readonly commands: readonly string[] }[] = [
  { name: 'as it was made', commands: [] },
  {
    name: 'without any queue it can see',
    commands: [
      'tc qdisc del dev eth0 root',
      'tc qdisc del dev lo root',
      'tc qdisc replace dev eth0 root pfifo limit 100000',
    ],
  },
  {
    name: 'with another MTU, larger GSO packets and a longer queue',
    commands: [
      'ip link set eth0 mtu 9000',
      'ip link set eth0 gso_max_size 262144 gro_max_size 262144',
      'ip link set eth0 txqueuelen 100000',
    ],
  },
  {
    name: 'with interfaces of its own on top',
    commands: [
      'ip link add m0 link eth0 type macvlan mode bridge',
      'ip link set m0 up',
      'ip link add br0 type bridge',
      'ip link set br0 up',
    ],
  },
  {
    name: 'with hooks of its own',
    commands: [
      'tc qdisc add dev eth0 clsact',
      'tc filter add dev eth0 egress prio 1 handle 1 bpf da bytecode "1,6 0 0 4294967295"',
      'nft add table netdev own',
      'nft add chain netdev own out { type filter hook egress device eth0 priority 0; }',
      'nft add rule netdev own out meta mark set 5',
      'nft add rule netdev own out meta priority set 1:1',
    ],
  },
  { name: 'with its interface renamed', commands: ['ip link set eth0 name net7'] },
];

describe('a limited pod that controls its namespace', () => {
  const lab = sharedLab({
    manifests: {
      'pods.yaml': [
        iperfPod('limited', 'node-1', annotations),
        iperfPod('beside', 'node-1'),
        iperfPod('across', 'node-2'),
      ],
    },
  });

  for (const { name, commands } of deeds) {
    rootTest(`${name}, is limited in both directions`, async () => {
      for (const command of commands) await lab().inPod('limited', ['sh', '-c', command]);
      for (const [from, to] of [
        ['limited', 'beside'],
        ['limited', 'across'],
        ['beside', 'limited'],
      ] as const) {
        const share = (await rate(lab(), from, to)) / bitsPerSecond;
        assert.ok(share < 1.15, `${from} to ${to}: ${(share * 100).toFixed()} % of the limit`);
        assert.ok(share > 0.5, `${from} to ${to}: ${(share * 100).toFixed()} % of the limit`);
      }
    });
  }

  rootTest('an agent killed under load loses nothing of a limited pod', async () => {
    const address = lab().address(lab().pod('across'), 4);
    const { pid } = await lab().status('node-1');
    const server = lab().inPod('across', ['true']);
    await server;
    const sending = lab().inPod('limited', ['iperf3', '-J', '-t', '4', '-c', address]);
    await new Promise((resolve) => setTimeout(resolve, 500));
    lab().lab.agent('node-1').signal('SIGKILL');
    const after = await eventuallyDefined('a new agent', async () => {
      const status = await lab()
        .status('node-1')
        .catch(() => undefined);
      return status !== undefined && status.pid !== pid && status.start.readyMs !== undefined
        ? status
        : undefined;
    });
    const written = after.tables.filter(({ writes }) => writes.set + writes.deleted > 0);
    assert.deepEqual(written, []);
    const report = JSON.parse((await sending).stdout);
    const share = report.end.sum_received.bits_per_second / bitsPerSecond;
    assert.ok(share > 0.8 && share < 1.15, `${(share * 100).toFixed()} % of the limit`);
  });
});

for (const mode of ['native', 'vxlan'] as const) {
  describe(`limited pods that are added later, ${mode}`, () => {
    const lab = sharedLab({ mode, manifests: { 'pods.yaml': [echoPod('web-1', 'node-1')] } });

    rootTest('have their limits although their ADD precedes their manifest', async () => {
      const names = ['late-1', 'late-2', 'late-3', 'late-4', 'late-5'];
      const pods = names.map((name) => {
        const pod = echoPod(name, 'node-1') as { metadata: object };
        return { ...pod, metadata: { ...pod.metadata, annotations } };
      });
      writeManifest(join(lab().source, 'late.yaml'), pods);
      const found = await eventuallyDefined('all are there', async () => {
        const endpoints = await lab().ask<readonly EndpointView[]>('node-1', '/v1/endpoints');
        const late = endpoints.filter(({ pod }) => names.includes(pod?.name ?? ''));
        // A pod is listed as soon as its ADD has begun, its limits once they are in force.
        const isDone = late.length === names.length && late.every((one) => one.bandwidth);
        return isDone ? late : undefined;
      });
      for (const { pod, bandwidth } of found) {
        const both = { ingress: { bitsPerSecond }, egress: { bitsPerSecond } };
        assert.deepEqual(bandwidth, both, pod?.name);
      }
    });

    rootTest('lose no datagram below their limit while the agent is replaced', async () => {
      const address = lab().address(lab().pod('web-1'), 6);
      const stream = echoDatagrams(lab(), 'late-1', { address, count: 1000, intervalMs: 2 });
      await new Promise((resolve) => setTimeout(resolve, 300));
      lab().lab.agent('node-1').signal('SIGKILL');
      const { sent, received, missing } = await stream;
      assert.equal(received, sent, `lost ${sent - received}, first: ${missing.join(', ')}`);
    });
  });
}

interface IperfReport {
  readonly end: {
    readonly sum?: { readonly bits_per_second: number; readonly lost_percent?: number };
  };
}

/** Of a UDP flood of five times the limit, which no congestion control slows down: what arrived. */
async function rate(lab: TestLab, from: string, to: string): Promise<number> {
  const address = lab.address(lab.pod(to), 4);
  const flood = ['iperf3', '-J', '-u', '-b', '100M', '-t', '2', '-l', '1400', '-c', address];
  const { end } = await eventuallyDefined(
    'iperf3 has a result',
    async () => {
      const { exitCode, stdout } = await lab.inPod(from, flood);
      return exitCode === 0 ? (JSON.parse(stdout) as IperfReport) : undefined;
    },
    20_000,
  );
  assert.ok(end.sum !== undefined);
  return end.sum.bits_per_second * (1 - (end.sum.lost_percent ?? 0) / 100);
}
