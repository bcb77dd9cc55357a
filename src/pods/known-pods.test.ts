import assert from 'node:assert/strict';
import { test } from 'node:test';
import { annotatedLimits } from './annotated-limits.ts';
import { type Annotations, KnownPods, type KnownPodsOptions } from './known-pods.ts';

type Known = ReturnType<KnownPodsOptions['pods']>;

const pod = { namespace: 'shop', name: 'web-1' };
const annotations = { 'kubernetes.io/egress-bandwidth': '2M' };
const named = (uid?: string, more: Annotations = {}): Known =>
  new Map([['shop/web-1', { uid, annotations: { ...annotations, ...more } }]]);

const known: readonly {
  readonly name: string;
  readonly pods: Known;
  readonly uid?: string;
  readonly found: boolean;
}[] = [
  { name: 'a pod of that name', pods: named(), found: true },
  { name: 'a pod of that name and uid', pods: named('u-1'), uid: 'u-1', found: true },
  { name: 'an object without a uid', pods: named(), uid: 'u-1', found: true },
  { name: 'an earlier pod of that name', pods: named('u-0'), uid: 'u-1', found: false },
  {
    name: 'the mirror object of a pod from a file',
    pods: named('u-0', { 'kubernetes.io/config.hash': 'u-1' }),
    uid: 'u-1',
    found: true,
  },
  { name: 'nothing', pods: new Map(), found: false },
];

for (const { name, pods, uid, found } of known) {
  test(`where the cluster has ${name}, the pod is ${found ? 'known' : 'not known'}`, async () => {
    const answers = new KnownPods({ pods: () => pods, patienceMs: 1 });
    const answer = await answers.annotations({ ...pod, ...(uid !== undefined && { uid }) });
    assert.equal(answer?.['kubernetes.io/egress-bandwidth'], found ? '2M' : undefined);
    assert.equal(answer !== undefined, found);
  });
}

test('a pod that the cluster reports slightly later is waited for', async () => {
  let pods: Known = new Map();
  const answers = new KnownPods({ pods: () => pods, patienceMs: 60_000 });
  const asked = answers.annotations(pod);
  answers.changed();
  pods = named();
  answers.changed();
  assert.deepEqual(await asked, annotations);
});

test('a pod that the cluster does not report is requested once and then known', async () => {
  let pods: Known = new Map();
  const asked: unknown[] = [];
  const answers = new KnownPods({
    pods: () => pods,
    patienceMs: 400,
    look: async (wanted) => {
      asked.push(wanted);
      pods = named();
      answers.changed();
    },
  });
  assert.deepEqual(await answers.annotations(pod), annotations);
  assert.deepEqual(asked, [pod]);
});

test('a pod that cannot be requested stays unknown', async () => {
  const look = (): Promise<void> => Promise.reject(new Error('no answer'));
  const answers = new KnownPods({ pods: () => new Map(), patienceMs: 20, look });
  assert.equal(await answers.annotations(pod), undefined);
});

test('a pod that is still missing after a reread has no annotations', async () => {
  const answers = new KnownPods({
    pods: () => new Map(),
    reread: async () => true,
    patienceMs: 60_000,
  });
  assert.deepEqual(await answers.annotations(pod), {});
});

for (const { name, reread } of [
  { name: 'cannot be read', reread: async () => false },
  { name: 'does not answer', reread: () => new Promise<boolean>(() => undefined) },
]) {
  test(`a source that ${name} leaves a pod unknown`, async () => {
    const answers = new KnownPods({ pods: () => new Map(), reread, patienceMs: 1 });
    assert.equal(await answers.annotations(pod), undefined);
  });
}

const request = {
  kind: 'add',
  version: '1.1.0',
  containerId: 'container-1',
  ifName: 'eth0',
  namespacePath: '/run/netns/web-1',
  network: 'heddle',
} as const;

test('limits of an unknown pod are refused for now, by name', async () => {
  const node = { podAnnotations: () => undefined };
  await assert.rejects(annotatedLimits({ ...request, pod }, node), {
    code: 11,
    message: /^pod shop\/web-1: this node has not received the pod from the cluster yet/,
  });
});

test('the cluster is not queried if no pod is named or the runtime has passed everything', async () => {
  const node = { podAnnotations: () => assert.fail('was asked') };
  const limit = { bitsPerSecond: 1e6 };
  const requests = [
    request,
    { ...request, pod, hasAnnotations: true },
    { ...request, pod, bandwidth: { ingress: limit, egress: limit } },
  ];
  for (const asking of requests) assert.deepEqual(await annotatedLimits(asking, node), {});
});

test('known annotations are limits', async () => {
  const node = { podAnnotations: async () => annotations };
  assert.deepEqual(await annotatedLimits({ ...request, pod }, node), {
    egress: { bitsPerSecond: 2e6 },
  });
});
