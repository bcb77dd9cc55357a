// What the real kube-proxy leaves in a namespace, in each of its modes: it is found while it runs, and removed afterwards.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { allRules } from '../support/kube-proxy-rules.ts';
import { ipIn, placeOf, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';
import { type LoneKubeProxyOptions, loneKubeProxy } from './lone-kube-proxy.ts';

const heddle = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

const cases: readonly Omit<LoneKubeProxyOptions, 'namespace'>[] = [
  { mode: 'nftables' },
  { mode: 'iptables', variant: 'nft' },
  { mode: 'iptables', variant: 'legacy' },
];

function words(namespace: NetworkNamespace, ...more: readonly string[]): readonly string[] {
  const net = `--net=${placeOf(namespace).namespacePath}`;
  return [net, process.execPath, heddle, 'clean-kube-proxy', ...more];
}

for (const { mode, variant } of cases)
  rootTest(`kube-proxy in mode ${mode} ${variant ?? ''}`, async (context) => {
    const namespace = testNamespace(context);
    ipIn(
      namespace,
      'link set lo up',
      'link add eth0 type veth peer name wire',
      'link set eth0 up',
      'address add 10.200.0.11/24 dev eth0',
      'address add fd00:200::11/64 dev eth0 nodad',
    );
    const proxy = await loneKubeProxy(context, {
      ...{ namespace, mode },
      ...(variant && { variant }),
    });
    const refused = spawnSync('nsenter', words(namespace), { encoding: 'utf8' });
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /^heddle: kube-proxy runs on this node \(process \d+\)/);
    // As in a pod, which does not see the node's processes.
    const inPod = ['unshare', '--pid', '--fork', '--mount-proc'];
    const [net = '', ...command] = words(namespace);
    const byPort = spawnSync('nsenter', [net, ...inPod, ...command], { encoding: 'utf8' });
    assert.match(byPort.stderr, new RegExp(`\\(127\\.0\\.0\\.1:10249 answers, mode ${mode}\\)`));
    await proxy.end();
    assert.match(allRules(namespace), /KUBE-SEP|table ip6 kube-proxy/);
    const text = execFileSync('nsenter', words(namespace, '--force'), { encoding: 'utf8' });
    assert.match(text, /^Removed:\n/);
    // The chains that a kubelet makes as well stay.
    const left = allRules(namespace)
      .split('\n')
      .filter((line) => line !== '' && !/^table /.test(line) && !/KUBE-(FIREWALL|MARK)/.test(line));
    assert.deepEqual(left, []);
    assert.doesNotMatch(allRules(namespace), /table ip6? kube-proxy/);
    const again = execFileSync('nsenter', words(namespace, '--force'), { encoding: 'utf8' });
    assert.equal(again, 'kube-proxy has left nothing on this node\n');
  });
