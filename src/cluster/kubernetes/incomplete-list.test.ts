// Lists that omit existing objects, and complete ones afterwards.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { event, namespaceObject, servedPage } from '../../../test/support/api-protocol.ts';
import { isWatch, type Reflected, reflect } from '../../../test/support/reflected.ts';

type Options = NonNullable<Parameters<typeof reflect>[2]>;

/**
 * Lists contain these names one after the other, the last one permanently; watches end as `watch` states, or stay open.
 */
async function listing(
  context: TestContext,
  lists: readonly string[],
  {
    watch = () => undefined,
    ...options
  }: Options & { readonly watch?: (index: number) => string | undefined },
): Promise<Reflected> {
  let list = 0;
  let watches = 0;
  const answer: Parameters<typeof reflect>[1] = (_, response, url) => {
    if (!isWatch(url)) {
      const names = lists[Math.min(list++, lists.length - 1)]?.split(' ') ?? [];
      response.end(servedPage(names.map((name) => namespaceObject(name, '5'))));
      return;
    }
    response.writeHead(200).flushHeaders();
    const said = watch(watches++);
    if (said !== undefined) response.end(said);
  };
  return reflect(context, answer, { doubtMs: 60, settledMs: 20, ...options });
}

const gone = event('ERROR', { code: 410, reason: 'Expired' });

test('one list that lacks objects removes none, and its new objects are added', async (context) => {
  const running = await listing(context, ['a b c', 'a d', 'a b c d'], {
    watch: (index) => (index === 0 ? gone : undefined),
  });
  await running.until(() => running.reflector.state.relists === 2);
  assert.deepEqual(running.history.slice(running.history.indexOf('a b c')), ['a b c', 'a b c d']);
  assert.equal(running.reflector.state.doubt, undefined);
});

test('a second list shortly after the first does not confirm it', async (context) => {
  const running = await listing(context, ['a b', 'a', 'a', 'a b'], {
    watch: (index) => (index < 2 ? gone : undefined),
    doubtMs: 500,
  });
  await running.until(() => running.reflector.state.relists === 3);
  assert.ok(running.history.slice(running.history.indexOf('a b')).every((keys) => keys === 'a b'));
});

test('changes are followed until the second list, and the objects in them exist', async (context) => {
  const running = await listing(context, ['a b c', 'a', 'a'], {
    watch: (index) =>
      [
        '',
        event('MODIFIED', namespaceObject('b', '11')) + event('ADDED', namespaceObject('e', '12')),
      ][index - 1] ?? (index === 0 ? gone : undefined),
    doubtMs: 200,
  });
  await running.until(() => running.keys().join(' ') === 'a b c e');
  await running.until(() => running.keys().join(' ') === 'a');
});

test('while watches work, everything is listed periodically', async (context) => {
  const running = await listing(context, ['a', 'a b'], { relistMs: 100 });
  await running.until(() => running.keys().includes('b'));
  assert.equal(running.reflector.state.failing, undefined);
});

test('a first list with fewer nodes than there are routes to is requested again', async (context) => {
  const running = await listing(context, ['a', 'a b c'], { held: () => 2 });
  await running.until(() => running.reflector.state.doubt !== undefined);
  assert.equal(running.reflector.isSynced, false);
  const { text } = running.reflector.state.doubt ?? {};
  assert.match(
    text ?? '',
    /has 0 other nodes, but this node has routes to 2; the list is requested again/,
  );
  await running.until(() => running.reflector.isSynced);
  assert.deepEqual(running.keys(), ['a', 'b', 'c']);
  assert.equal(running.reflector.state.doubt, undefined);
});

test('a first list is compared with the routes by nodes to which routes can lead', async (context) => {
  // A creation time stands for everything that a Node needs: pod ranges and an address.
  let list = 0;
  const named = (name: string, more: object): object => ({
    metadata: { name, resourceVersion: '5', ...more },
  });
  const created = { creationTimestamp: '2026-01-01T00:00:00Z' };
  const running = await reflect(
    context,
    (_, response, url) => {
      if (isWatch(url)) {
        response.writeHead(200).flushHeaders();
        return;
      }
      const more = list++ === 0 ? {} : created;
      response.end(servedPage(['a', 'b', 'c'].map((name) => named(name, more))));
    },
    {
      doubtMs: 60,
      ...{ held: () => 2, expected: 'a' },
      canHold: (object) => 'createdAt' in object,
    },
  );
  await running.until(() => running.reflector.state.doubt !== undefined);
  assert.equal(running.reflector.isSynced, false);
  assert.match(
    running.reflector.state.doubt?.text ?? '',
    /the list has 0 other nodes with pod ranges and addresses, but this node has routes to 2; the list is requested/,
  );
  await running.until(() => running.reflector.isSynced);
  assert.equal(list, 2);
});

test('a list with contradicting objects is requested again', async (context) => {
  let list = 0;
  let watches = 0;
  const object = (uid: object): object => ({
    metadata: { name: 'a', resourceVersion: '5', ...uid },
  });
  const running = await reflect(
    context,
    (_, response, url) => {
      if (!isWatch(url)) {
        response.end(servedPage([object(list++ === 1 ? {} : { uid: 'u' })]));
        return;
      }
      response.writeHead(200).flushHeaders();
      if (watches++ === 0) response.end(gone);
    },
    { doubtMs: 60, settledMs: 20 },
  );
  await running.until(() => running.reflector.state.doubt !== undefined);
  assert.match(
    running.reflector.state.doubt?.text ?? '',
    /objects in the list that contradict earlier answers of the API server: 1; the list is requested again/,
  );
  assert.equal(running.uid('a'), 'u');
  await running.until(() => running.reflector.state.relists === 1);
  assert.equal(running.reflector.state.doubt, undefined);
  assert.equal(list, 3);
});
