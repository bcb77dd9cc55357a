import assert from 'node:assert/strict';
import { test } from 'node:test';
import { servedPage } from '../../../test/support/api-protocol.ts';
import { ObjectStore } from './object-store.ts';
import { lookForPod } from './pod-look.ts';
import { readObject } from './resources.ts';

const pod = { namespace: 'shop', name: 'web-1' };
const object = (name: string, uid: string): object => ({
  metadata: { ...pod, name, uid },
  spec: { nodeName: 'node-1', containers: [] },
});

const podStore = () =>
  new ObjectStore(
    (key, raw) => readObject('Pod', key, raw),
    () => undefined,
  );
type Store = ReturnType<typeof podStore>;

function uidAfter(
  items: readonly object[],
  known?: object,
  meanwhile: (store: Store) => void = () => undefined,
): Promise<string | undefined> {
  const store = podStore();
  if (known !== undefined) store.set('shop/web-1', known);
  const json = async ({ path, verb }: { path: string; verb: string }): Promise<unknown> => {
    assert.equal(verb, 'list');
    assert.equal(path, '/api/v1/namespaces/shop/pods?fieldSelector=metadata.name%3Dweb-1&limit=1');
    meanwhile(store);
    return JSON.parse(servedPage(items));
  };
  return lookForPod(pod, { client: { json }, store }).then(() => {
    assert.ok(store.size <= 1);
    const found = store.view().get('shop/web-1');
    return found !== undefined && 'uid' in found ? found.uid : undefined;
  });
}

test('a requested pod is known afterwards', async () => {
  assert.equal(await uidAfter([object('web-1', 'u-1')]), 'u-1');
});

test('a pod that does not exist stays unknown, and another is not taken for it', async () => {
  assert.equal(await uidAfter([]), undefined);
  assert.equal(await uidAfter([object('web-2', 'u-2')]), undefined);
});

test('objects received meanwhile stay', async () => {
  assert.equal(await uidAfter([object('web-1', 'u-1')], object('web-1', 'u-3')), 'u-3');
});

const deletions: readonly (readonly [string, (store: Store) => void])[] = [
  ['a watch reported deleted', (store) => store.delete('shop/web-1')],
  ['a full list lacked', (store) => store.replace().commit()],
  [
    'was made and deleted',
    (store) => {
      store.set('shop/web-1', object('web-1', 'u-1'));
      store.delete('shop/web-1');
    },
  ],
];

for (const [what, meanwhile] of deletions) {
  test(`a pod that ${what} meanwhile stays deleted`, async () => {
    assert.equal(await uidAfter([object('web-1', 'u-1')], undefined, meanwhile), undefined);
  });
}

test('the deletion of another pod changes nothing', async () => {
  const meanwhile = (store: Store): void => store.delete('shop/web-2');
  assert.equal(await uidAfter([object('web-1', 'u-1')], undefined, meanwhile), 'u-1');
});
