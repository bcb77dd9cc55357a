// Services: every pod exchanges lines with every Service at each of its addresses, over TCP and UDP, in both families, with
// native routes and through the tunnel. First the real kube-proxy translates beside Heddle, in both of its modes; then there
// is none, and Heddle does.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import { type KubeProxyMode, removeKubeProxy, runKubeProxy } from './kube-proxy.ts';
import { ServicePeers } from './service-peers.ts';
import { sharedCluster } from './shared-cluster.ts';

const rounds = 3;

describe('Services', () => {
  const shared = sharedCluster('heddle');
  let cluster: KubeCluster;
  let peers: ServicePeers;

  before(async () => {
    if (reasonToSkip() !== undefined) return;
    cluster = shared();
    peers = await ServicePeers.create(cluster);
  });
  after(async () => {
    await peers?.[Symbol.asyncDispose]();
    if (cluster !== undefined) await removeKubeProxy(cluster);
  });

  for (const mode of ['nftables', 'iptables'] as const)
    everyPodReaches(
      `native, kube-proxy in mode ${mode}`,
      () => cluster,
      () => peers,
      mode,
    );

  describe('through the tunnel', () => {
    before(async () => {
      if (reasonToSkip() === undefined) await cluster.installHeddle({ mode: 'vxlan' });
    });
    after(async () => {
      await cluster?.installHeddle();
    });
    everyPodReaches(
      'vxlan, kube-proxy in mode nftables',
      () => cluster,
      () => peers,
      'nftables',
    );
  });

  for (const mode of ['native', 'vxlan'] as const)
    describe(`without kube-proxy, ${mode}`, () => {
      before(async () => {
        if (reasonToSkip() !== undefined) return;
        await removeKubeProxy(cluster);
        await cluster.installHeddle({ mode, services: { mode: 'on' } });
      });
      after(async () => {
        await cluster?.installHeddle();
      });
      everyPodReaches(
        `Heddle's Services, ${mode}`,
        () => cluster,
        () => peers,
      );
    });
});

function everyPodReaches(
  what: string,
  cluster: () => KubeCluster,
  peers: () => ServicePeers,
  kubeProxy?: KubeProxyMode,
): void {
  describe(what, () => {
    before(async () => {
      if (reasonToSkip() !== undefined) return;
      if (kubeProxy !== undefined) await runKubeProxy(cluster(), kubeProxy);
      await peers().answered();
    });

    rootTest('every pod reaches every pod at every address of its Service', async () => {
      await peers().start();
      try {
        assert.deepEqual(await peers().lost(rounds), []);
      } finally {
        await peers().stop();
      }
    });

    for (const place of ['world', 'node-1'] as const)
      rootTest(`${place} reaches every pod at every node's port`, async () => {
        const said = await peers().fromOutside(place);
        const names = said.map((line) => line.replace(/ saw .*$/, ''));
        const each = ['peer-1', 'peer-2', 'peer-3', 'peer-4'];
        assert.deepEqual(
          names.sort(),
          each.flatMap((name) => [name, name, name, name]),
        );
      });

    rootTest('every pod resolves names at the address of the DNS Service', async () => {
      const { spec } = await cluster().api.get<DnsService>(
        'service',
        'kube-dns',
        '-n',
        'kube-system',
      );
      const name = 'kubernetes.default.svc.cluster.local.';
      for (const pod of peers().pods) {
        for (const server of [undefined, ...spec.clusterIPs]) {
          const lookup = ['podtool', 'lookup', name, ...(server === undefined ? [] : [server])];
          const { stdout, stderr } = await cluster().api.exec(pod.name, lookup);
          assert.equal(
            stdout,
            '10.96.0.1\n',
            `${pod.name} asks ${server ?? 'its server'}: ${stderr}`,
          );
        }
      }
    });
  });
}

interface DnsService {
  readonly spec: { readonly clusterIPs: readonly string[] };
}
