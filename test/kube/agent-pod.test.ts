// Permissions of the agent's pod on its node: the listed capabilities, no others, and filtered system calls.

import assert from 'node:assert/strict';
import { before, describe } from 'node:test';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import { type AgentPod, agentPods } from './agent-requests.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import { sharedCluster } from './shared-cluster.ts';

/** Bits of include/uapi/linux/capability.h. */
const granted = { netAdmin: 12n, sysAdmin: 21n, perfmon: 38n, bpf: 39n };

describe("the agent's process", () => {
  const shared = sharedCluster('heddle');
  let cluster: KubeCluster;
  let pods: readonly AgentPod[];

  before(async () => {
    if (reasonToSkip() !== undefined) return;
    cluster = shared();
    pods = await agentPods(cluster);
    assert.equal(pods.length, 2);
  });

  rootTest('has exactly the capabilities that the manifest lists, and seccomp is on', async () => {
    const mask = Object.values(granted).reduce((bits, bit) => bits | (1n << bit), 0n);
    const expected = mask.toString(16).padStart(16, '0');
    for (const { name } of pods) {
      // The first process of the container, not the one that reads it.
      const { stdout } = await cluster.api.exec(name, ['cat', '/proc/1/status'], 'kube-system');
      const value = (key: string): string =>
        new RegExp(`^${key}:\\s*(\\S+)$`, 'm').exec(stdout)?.[1] ?? '';
      for (const key of ['CapEff', 'CapPrm', 'CapBnd']) assert.equal(value(key), expected, key);
      for (const key of ['CapInh', 'CapAmb']) assert.equal(value(key), '0'.repeat(16), key);
      assert.equal(value('Seccomp'), '2', 'a filter');
    }
  });

  rootTest('is not privileged: no devices, no writable root, /proc/sys or cgroups', async () => {
    for (const { name } of pods) {
      const tried = async (command: string): Promise<string> => {
        const { exitCode, stderr } = await cluster.api.exec(
          name,
          ['sh', '-c', command],
          'kube-system',
        );
        return exitCode === 0 ? 'works' : stderr;
      };
      const readOnly = /Read-only file system/;
      assert.match(await tried('touch /heddle/x'), readOnly);
      assert.match(await tried('echo 1 >/proc/sys/net/ipv4/ip_forward'), readOnly);
      assert.match(await tried('mkdir /host/sys/fs/cgroup/heddle-test'), readOnly);
      assert.match(await tried('ls /dev/kmsg'), /No such file/);
      // For these even SYS_ADMIN is not enough: they need another capability.
      assert.match(await tried('chown 1 /tmp'), /Operation not permitted/);
    }
  });
});
