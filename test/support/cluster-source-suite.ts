// The contract of every ClusterSource, run against each implementation through a small driver that edits the source's
// data.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterSource } from '../../src/cluster/source.ts';
import type { ClusterSnapshot } from '../../src/cluster/state.ts';

/** A Kubernetes object as its author writes it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: object;
    readonly annotations?: object;
  };
  readonly spec?: object;
  readonly status?: object;
}

/** One test's source and its store. */
export interface SourceUnderTest extends AsyncDisposable {
  readonly source: ClusterSource;
  /** Creates or replaces. */
  put(manifest: Manifest): Promise<void>;
  remove(manifest: Manifest): Promise<void>;
}

const node = (name: string, podCidr: string): Manifest => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: { podCIDRs: [podCidr] },
});

const limit = 'kubernetes.io/ingress-bandwidth';

const pod = (name: string, annotations: object = {}): Manifest => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'shop', name, annotations },
  spec: { nodeName: 'node-1', containers: [{ name: 'main' }] },
});

export function clusterSourceSuite(name: string, makeSource: () => Promise<SourceUnderTest>): void {
  const run = (behaviour: string, body: (sut: SourceUnderTest) => Promise<void>): void => {
    void test(`${name} ${behaviour}`, { timeout: 20_000 }, async () => {
      await using sut = await makeSource();
      await body(sut);
    });
  };

  run('delivers a complete first snapshot', async (sut) => {
    await sut.put(node('node-1', '192.0.2.0/26'));
    await sut.put(pod('web-1'));
    await using snapshots = follow(sut.source);
    const { state } = await snapshots.until(({ complete }) => complete);
    assert.deepEqual([...state.nodes.keys()], ['node-1']);
    assert.deepEqual([...state.pods.keys()], ['shop/web-1']);
  });

  run('delivers additions, changes and deletions', async (sut) => {
    await using snapshots = follow(sut.source);
    await sut.put(pod('web-1'));
    await snapshots.until(({ state }) => state.pods.has('shop/web-1'));
    await sut.put(pod('web-1', { [limit]: '10M' }));
    await snapshots.until(
      ({ state }) => state.pods.get('shop/web-1')?.annotations[limit] === '10M',
    );
    await sut.remove(pod('web-1'));
    await snapshots.until(({ state }) => state.pods.size === 0);
  });

  run('keeps the references of unchanged objects and maps', async (sut) => {
    await sut.put(node('node-1', '192.0.2.0/26'));
    await sut.put(pod('web-1'));
    await using snapshots = follow(sut.source);
    const before = await snapshots.until(({ complete }) => complete);
    await sut.put(pod('web-2'));
    const after = await snapshots.until(({ state }) => state.pods.size === 2);
    assert.equal(after.state.nodes, before.state.nodes);
    assert.notEqual(after.state.pods, before.state.pods);
    assert.equal(after.state.pods.get('shop/web-1'), before.state.pods.get('shop/web-1'));
  });

  run('merges changes that a slow reader missed into one snapshot', async (sut) => {
    await using snapshots = follow(sut.source);
    await snapshots.until(({ complete }) => complete);
    for (let index = 0; index < 20; index++) await sut.put(pod(`web-${index}`));
    const last = await snapshots.until(({ state }) => state.pods.size === 20);
    assert.equal(last.problems.length, 0);
  });

  run('ends when the signal aborts', async (sut) => {
    const stop = new AbortController();
    const stream = sut.source.watch(stop.signal)[Symbol.asyncIterator]();
    await stream.next();
    const ended = stream.next();
    stop.abort();
    assert.equal((await ended).done, true);
  });
}

interface Followed extends AsyncDisposable {
  /** The next snapshot, after the last returned one, that satisfies the condition. */
  until(condition: (snapshot: ClusterSnapshot) => boolean): Promise<ClusterSnapshot>;
}

/** Reads a source one snapshot at a time; disposing ends it. */
export function follow(source: ClusterSource): Followed {
  const stop = new AbortController();
  const stream = source.watch(stop.signal)[Symbol.asyncIterator]();
  return {
    async until(condition) {
      for (;;) {
        const { value, done } = await stream.next();
        if (done === true) throw new Error('the source ended');
        if (condition(value)) return value;
      }
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await stream.return?.();
    },
  };
}
