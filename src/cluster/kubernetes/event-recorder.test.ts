import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiRequest } from './client/api-client.ts';
import { ApiError } from './client/api-error.ts';
import { EventRecorder } from './event-recorder.ts';

const pod = { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: 'web-1', uid: 'u1' } as const;
const node = { apiVersion: 'v1', kind: 'Node', name: 'node-1' } as const;

interface Scene {
  readonly requests: ApiRequest[];
  nowMs: number;
  refusal: Error | undefined;
}

interface Fake extends Scene {
  readonly recorder: EventRecorder;
}

function fake(): Fake {
  const scene: Scene = { requests: [], nowMs: 1_000_000, refusal: undefined };
  const recorder = new EventRecorder({
    client: {
      async json(request) {
        scene.requests.push(request);
        if (scene.refusal !== undefined) throw scene.refusal;
        return {};
      },
    },
    host: 'node-1',
    signal: new AbortController().signal,
    now: () => scene.nowMs,
  });
  return Object.assign(scene, { recorder });
}

const bodyOf = (request: ApiRequest | undefined): Record<string, unknown> =>
  JSON.parse(request?.body ?? '{}') as Record<string, unknown>;

test('an Event refers to the object in its namespace; a Node is found by its name', async () => {
  const { recorder, requests } = fake();
  recorder.warn(pod, { reason: 'InvalidAnnotation', message: 'x is not a quantity' });
  await recorder.sent();
  recorder.warn(node, { reason: 'AddressPoolExhausted', message: 'none is free' });
  await recorder.sent();
  assert.deepEqual(
    requests.map(({ method, path }) => `${method} ${path}`),
    ['POST /api/v1/namespaces/shop/events', 'POST /api/v1/namespaces/default/events'],
  );
  const [first, second] = requests.map(bodyOf);
  assert.deepEqual(first?.['involvedObject'], pod);
  assert.equal(first?.['type'], 'Warning');
  assert.deepEqual(second?.['involvedObject'], { ...node, uid: 'node-1' });
});

test('repetitions are counted, rarely, on the existing Event', async () => {
  const made = fake();
  const text = { reason: 'AddressPoolExhausted', message: 'none is free' };
  for (let count = 0; count < 50; count++) made.recorder.warn(node, text);
  await made.recorder.sent();
  assert.equal(made.requests.length, 1);
  made.nowMs += 300_001;
  made.recorder.warn(node, text);
  await made.recorder.sent();
  assert.equal(made.requests.length, 2);
  const { name } = bodyOf(made.requests[0])['metadata'] as { name: string };
  assert.equal(made.requests[1]?.path, `/api/v1/namespaces/default/events/${name}`);
  assert.equal(bodyOf(made.requests[1])['count'], 51);
});

test('of any number of different Events, forty are sent immediately and then few', async () => {
  const made = fake();
  const flood = async (): Promise<void> => {
    for (let index = 0; index < 100; index++) {
      const subject = { ...pod, namespace: `shop-${index}`, name: `web-${made.nowMs}` };
      made.recorder.warn(subject, { reason: 'InvalidAnnotation', message: 'x' });
      await made.recorder.sent();
    }
  };
  await flood();
  // Of the namespaces' first ones, as many again.
  assert.equal(made.requests.length, 40);
  made.nowMs += 30_000;
  await flood();
  assert.equal(made.requests.length, 46);
});

test('pods of one namespace, however many, silence neither the node nor other namespaces', async () => {
  const made = fake();
  const written = (): readonly string[] =>
    made.requests.map(({ path }) => path.replace(/.*namespaces.([^/]*).*/, '$1'));
  const text = { reason: 'InvalidAnnotation', message: 'x' };
  // As the agent does each period, for an hour.
  const period = async (): Promise<void> => {
    made.nowMs += 10_000;
    for (let index = 0; index < 300; index++) {
      made.recorder.warn({ ...pod, namespace: 'tenant', uid: `u${index}` }, text);
    }
    await made.recorder.sent();
  };
  for (let count = 0; count < 360; count++) await period();
  assert.ok(written().length <= 5 + 360 / 3, `${written().length} requests for one namespace`);
  made.requests.length = 0;
  await period();
  assert.equal(made.recorder.warn(node, { reason: 'PodNetworkFault', message: 'x' }), true);
  assert.equal(made.recorder.warn(pod, text), true);
  await made.recorder.sent();
  assert.deepEqual(written().slice(-2).sort(), ['default', 'shop']);
  // It is known for as long as it lasts: it is counted, not written again.
  for (let count = 0; count < 29; count++) {
    await period();
    made.recorder.warn(node, { reason: 'PodNetworkFault', message: 'x' });
  }
  assert.equal(written().filter((namespace) => namespace === 'default').length, 1);
});

test('pods of a few namespaces that use up all that is allowed do not silence others', async () => {
  const made = fake();
  const text = { reason: 'InvalidAnnotation', message: 'x' };
  for (let count = 0; count < 360; count++) {
    made.nowMs += 10_000;
    for (let index = 0; index < 50; index++) {
      const namespace = `tenant-${index % 5}`;
      made.recorder.warn({ ...pod, namespace, uid: `u${count}-${index}` }, text);
    }
    await made.recorder.sent();
  }
  assert.equal(made.recorder.warn({ ...pod, namespace: 'tenant-0', uid: 'last' }, text), false);
  assert.equal(made.recorder.warn(pod, text), true);
  await made.recorder.sent();
  assert.match(made.requests.at(-1)?.path ?? '', /namespaces.shop.events/);
});

test('an Event about the node overtakes those about pods', async () => {
  const made = fake();
  for (let index = 0; index < 5; index++) {
    made.recorder.warn({ ...pod, uid: `u${index}` }, { reason: 'InvalidAnnotation', message: 'x' });
  }
  for (const reason of ['NoPodRanges', 'PodNetworkFault']) {
    made.recorder.warn(node, { reason, message: 'x' });
  }
  await made.recorder.sent();
  const reasons = made.requests.map((request) => bodyOf(request)['reason']);
  assert.deepEqual(reasons.slice(1, 4), ['NoPodRanges', 'PodNetworkFault', 'InvalidAnnotation']);
});

test('setting the wall clock neither raises nor lowers the limit', async (context) => {
  const made = fake();
  const set = (days: number): void => {
    const wall = Date.now() + days * 86_400_000;
    context.mock.method(Date, 'now', () => wall);
  };
  const text = { reason: 'AddressPoolExhausted', message: 'none is free' };
  for (let count = 0; count < 60; count++) {
    set(count % 2 === 0 ? 1 : -2);
    made.recorder.warn({ ...pod, namespace: `shop-${count}` }, text);
    await made.recorder.sent();
  }
  assert.equal(made.requests.length, 40);
  made.nowMs += 300_001;
  made.recorder.warn({ ...pod, namespace: 'shop-0' }, text);
  await made.recorder.sent();
  assert.equal(made.requests.length, 41);
});

test('a refused Event is dropped, and an expired one is created again', async () => {
  const made = fake();
  const text = { reason: 'AddressPoolExhausted', message: 'none is free' };
  made.recorder.warn(node, text);
  await made.recorder.sent();
  made.nowMs += 300_001;
  made.refusal = new ApiError({ request: 'patch events', status: 404 });
  made.recorder.warn(node, text);
  await made.recorder.sent();
  made.refusal = undefined;
  made.recorder.warn(node, text);
  await made.recorder.sent();
  assert.deepEqual(
    made.requests.map(({ method }) => method),
    ['POST', 'PATCH', 'POST'],
  );
});
