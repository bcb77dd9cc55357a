// `heddle sysdump --cluster`: one archive of all nodes for a bug report, without secrets.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { KernelView } from '../../src/api/kernel.ts';
import type { Finished } from '../../src/lab/spawn.ts';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import { agentPods, tokenIn } from './agent-requests.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import { sharedCluster } from './shared-cluster.ts';

const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const planted = ['planted-key', 'planted-token', 'planted-manifest'] as const;
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

// As Calico leaves it behind, beside the network configurations.
const foreignKubeconfig = `users:
- name: calico
  user:
    client-key-data: ${planted[0]}
    token: ${planted[1]}
`;

describe('heddle sysdump --cluster', () => {
  const shared = sharedCluster('heddle');
  let cluster: KubeCluster;
  let folder: string;
  let foreign: string;

  before(async () => {
    if (reasonToSkip() !== undefined) return;
    cluster = shared();
    folder = mkdtempSync(join(tmpdir(), 'heddle-test-sysdump-'));
    foreign = join(cluster.nodes.folder('node-1'), 'etc/cni/net.d/calico-kubeconfig');
    writeFileSync(foreign, foreignKubeconfig);
    const annotation = `${lastApplied}={"a":"${planted[2]}"}`;
    await cluster.api.kubectl(
      'annotate',
      '-n',
      'kube-system',
      '--overwrite',
      'ds/heddle',
      annotation,
    );
  });
  after(async () => {
    if (folder === undefined) return;
    rmSync(folder, { recursive: true });
    rmSync(foreign);
    await cluster.api.kubectl('annotate', '-n', 'kube-system', 'ds/heddle', `${lastApplied}-`);
  });

  const sysdump = (...words: readonly string[]): Promise<Finished> =>
    cluster.run('control-plane', [process.execPath, program, 'sysdump', '--cluster', ...words]);

  rootTest("has every node, its kernel's state as text, and no secret", async () => {
    const archive = join(folder, 'dump.tar.gz');
    const { adminConfig } = cluster.paths;
    const { exitCode, stdout, stderr } = await sysdump(
      ...['--kubeconfig', adminConfig, '--output', archive],
    );
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, /^\S+dump\.tar\.gz {2}\d+ files, \d+ bytes$/m);
    for (const said of [/node node-1/, /node node-2/]) assert.match(stderr, said);
    assert.equal(statSync(archive).mode & 0o777, 0o600);
    execFileSync('tar', ['-xzf', archive, '--strip-components=1', '-C', folder]);
    const names = execFileSync('tar', ['-tzf', archive], { encoding: 'utf8' }).trim().split('\n');
    const paths = names.map((name) => name.slice(name.indexOf('/') + 1));
    assert.deepEqual(
      paths.filter((path) => path.endsWith('.missing')),
      [],
    );
    for (const name of ['nodes', 'pods', 'events', 'daemon-set', 'config'])
      assert.ok(paths.includes(`cluster/${name}.json`), name);
    for (const node of ['node-1', 'node-2']) assertNode(paths, node);
    const secrets = [...planted, 'admin-token', await agentToken()];
    for (const path of paths) {
      const text = readFileSync(join(folder, path), 'utf8');
      for (const secret of secrets) assert.ok(!text.includes(secret), `${secret} in ${path}`);
      assert.doesNotMatch(text, /eyJ[\w-]{8,}\.eyJ|PRIVATE KEY/, path);
    }
  });

  function assertNode(paths: readonly string[], node: string): void {
    const files = [
      'status.json',
      'endpoints.json',
      'maps/endpoints.json',
      'agent.log',
      'flows.json',
    ];
    for (const file of [...files, 'config.yaml', 'cni/05-heddle.conflist'])
      assert.ok(paths.includes(`nodes/${node}/${file}`), `${node}: ${file} of ${paths.join(' ')}`);
    const text = readFileSync(join(folder, `nodes/${node}/kernel.json`), 'utf8');
    const { links, routes, neighbours, nftables } = JSON.parse(text) as KernelView;
    assert.ok(
      links.some((line) => /^\d+: hd\w+ veth mtu \d+ up /.test(line)),
      links.join('\n'),
    );
    assert.ok(routes.some((line) => /^unreachable 10\.201\.\d+\.0\/24 proto 72$/.test(line)));
    assert.ok(routes.some((line) => /^10\.201\.\d+\.0\/24 via 10\.200\.0\.\d+ dev /.test(line)));
    assert.ok(neighbours.some((line) => line.endsWith(' permanent')));
    assert.match(JSON.stringify(nftables), /"masquerade"/);
  }

  async function agentToken(): Promise<string> {
    const [pod] = await agentPods(cluster);
    assert(pod !== undefined);
    return await tokenIn(cluster, pod);
  }

  rootTest('ends with 1 and a sentence if the cluster cannot be queried', async () => {
    const absent = await sysdump('--kubeconfig', join(folder, 'nothing'), '--output', '-');
    assert.deepEqual([absent.exitCode, absent.stdout], [1, '']);
    assert.match(absent.stderr, /kubeconfig \S+nothing: .*ENOENT/);
    const { adminConfig } = cluster.paths;
    const elsewhere = await sysdump('--kubeconfig', adminConfig, '--namespace', 'default');
    assert.equal(elsewhere.exitCode, 1);
    assert.match(elsewhere.stderr, /no pod in namespace default has the label app/);
  });
});
