// The cluster that test files share: creating one takes longer than most tests. scripts/test-kube names its owner and
// removes it; a file that runs alone creates and removes its own.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { processIdentity } from '../../src/lab/record.ts';
import { reasonToSkip } from '../support/root-test.ts';
import { KubeCluster } from './cluster/cluster.ts';
import { type CniChoice, readClusterRecord } from './cluster/record.ts';

/**
 * `rough`: a second cluster, without DNS, for tests that break agents and nodes, whose remains surprise no other test.
 */
export type Manners = 'gentle' | 'rough';

/**
 * Two nodes and CoreDNS (with `bridge` also kube-proxy: the reference peers), running during the tests of the enclosing
 * `describe` (or file). Leave it as you found it: nodes Ready, your own objects deleted.
 */
export function sharedCluster(cni: CniChoice, manners: Manners = 'gentle'): () => KubeCluster {
  let current: KubeCluster | undefined;
  const owner = process.env['HEDDLE_KUBE_OWNER'];
  before(async () => {
    if (reasonToSkip() !== undefined) return;
    const isRough = manners === 'rough';
    const name = `test-${owner ?? process.pid}-${cni}${isRough ? '-rough' : ''}`;
    const isUp = readClusterRecord(name) !== undefined;
    const kubeProxy = cni === 'bridge' ? 'nftables' : undefined;
    const pid = owner === undefined ? process.pid : Number(owner);
    current = isUp
      ? KubeCluster.open(name)
      : await KubeCluster.up({ name, cni, kubeProxy, dns: !isRough, owner: processIdentity(pid) });
  });
  after(async () => {
    if (owner === undefined) await current?.[Symbol.asyncDispose]();
  });
  return () => {
    assert(current !== undefined, 'the cluster did not start');
    return current;
  };
}

let count = 0;

/** A name for a cluster of this process alone. */
export function testClusterName(): string {
  count += 1;
  return `test-${process.pid}-${count}`;
}
