import assert from 'node:assert/strict';
import { test } from 'node:test';
import { event, expired, namespaceObject, servedPage } from '../../../test/support/api-protocol.ts';
import { isWatch, reflect, script } from '../../../test/support/reflected.ts';
import { ObjectStore } from './object-store.ts';
import { readObject } from './resources.ts';

test('a list is read in pages, and the watch continues from its version', async (context) => {
  const running = await reflect(context, (_, response, url) => {
    if (isWatch(url)) {
      response.writeHead(200).flushHeaders();
      response.write(event('ADDED', namespaceObject('c', '11')));
      return;
    }
    const isFirst = url.searchParams.get('continue') === null;
    const items = [namespaceObject(isFirst ? 'a' : 'b', '5')];
    response.end(servedPage(items, isFirst ? { next: 'token' } : {}));
  });
  await running.until(() => running.keys().length === 3);
  const [first, second, watch] = running.server.requests.map(({ searchParams }) => searchParams);
  assert.equal(first?.get('limit'), '250');
  assert.equal(second?.get('continue'), 'token');
  assert.equal(watch?.get('resourceVersion'), '10');
  assert.equal(watch?.get('allowWatchBookmarks'), 'true');
  assert.equal(watch?.get('labelSelector'), '!hidden');
});

test('a watch that ends continues from the last event or bookmark, without a list', async (context) => {
  const running = await reflect(
    context,
    script(
      () => servedPage([namespaceObject('a', '5')]),
      [
        (response) => response.end(event('MODIFIED', namespaceObject('a', '12'))),
        (response) => response.end(event('BOOKMARK', { metadata: { resourceVersion: '40' } })),
        (response) => response.write(event('DELETED', namespaceObject('a', '41'))),
      ],
    ),
  );
  await running.until(() => running.server.requests.length === 4 && running.keys().length === 0);
  const versions = running.server.requests.map(({ searchParams }) =>
    searchParams.get('resourceVersion'),
  );
  assert.deepEqual(versions, [null, '10', '12', '40']);
  assert.equal(running.reflector.state.relists, 0);
  assert.equal(running.reflector.state.watchRestarts, 2);
});

test('a bookmark is not an object', async (context) => {
  const running = await reflect(
    context,
    script(
      () => servedPage([namespaceObject('a', '5')]),
      [
        (response) => {
          response.write(event('BOOKMARK', { metadata: { resourceVersion: '40' } }));
          response.write(event('ADDED', namespaceObject('b', '41')));
        },
      ],
    ),
  );
  await running.until(() => running.keys().length === 2);
  assert.deepEqual(running.keys(), ['a', 'b']);
});

for (const how of ['event', 'status'] as const) {
  test(`410 as ${how} causes a new list and deletes only what no longer exists`, async (context) => {
    let lists = 0;
    let watches = 0;
    const running = await reflect(
      context,
      (_, response, url) => {
        if (!isWatch(url)) {
          lists++;
          const names = lists === 1 ? ['a', 'b', 'c'] : ['a', 'c', 'd'];
          response.end(servedPage(names.map((name) => namespaceObject(name, '5'))));
          return;
        }
        if (watches++ > 0) response.writeHead(200).flushHeaders();
        else if (how === 'status') response.writeHead(410).end(JSON.stringify(expired));
        else response.end(event('ERROR', expired));
      },
      { doubtMs: 50, settledMs: 20 },
    );
    await running.until(() => running.keys().includes('d') && !running.keys().includes('b'));
    // The second one deletes b again.
    assert.equal(running.reflector.state.relists, 2);
    const afterSync = running.history.slice(running.history.indexOf('a b c'));
    for (const text of afterSync) assert.match(text, /^a .*c/, 'a and c were there all the time');
    assert.equal(running.reflector.state.failing, undefined);
  });
}

test('a partial line at the end of a broken watch is not an event', async (context) => {
  const whole = event('ADDED', namespaceObject('b', '20'));
  const running = await reflect(
    context,
    script(
      () => servedPage([namespaceObject('a', '5')]),
      [
        (response) => {
          const cut = event('ADDED', namespaceObject('x', '21')).slice(0, 30);
          response.write(whole + cut, () => response.destroy());
        },
        (response) => {
          // Chunks end anywhere, also within a character.
          const bytes = Buffer.from(
            event('ADDED', { metadata: { name: 'c', labels: { l: 'é' }, resourceVersion: '22' } }),
          );
          const middle = bytes.indexOf(0xc3) + 1;
          response.write(bytes.subarray(0, middle), () => response.write(bytes.subarray(middle)));
        },
      ],
    ),
  );
  await running.until(() => running.keys().includes('c'));
  assert.deepEqual(running.keys(), ['a', 'b', 'c']);
  assert.equal(running.server.requests.at(-1)?.searchParams.get('resourceVersion'), '20');
});

test('429 waits as long as the server asks and then continues', async (context) => {
  let refusedAt = 0;
  let waitedMs = 0;
  const running = await reflect(context, (_, response, url) => {
    if (isWatch(url)) response.writeHead(200).flushHeaders();
    else if (refusedAt === 0) {
      refusedAt = performance.now();
      const body = { kind: 'Status', code: 429, reason: 'TooManyRequests', message: 'later' };
      response.writeHead(429, { 'retry-after': '1' }).end(JSON.stringify(body));
    } else {
      waitedMs = performance.now() - refusedAt;
      response.end(servedPage([namespaceObject('a', '5')]));
    }
  });
  await running.until(() => running.reflector.state.failing !== undefined);
  assert.equal(
    running.reflector.state.failing?.text,
    'list namespaces: 429 TooManyRequests: later',
  );
  await running.until(() => running.keys().length === 1);
  assert.ok(waitedMs >= 990, `${waitedMs} ms`);
  await running.until(() => running.reflector.state.failing === undefined);
});

test('the error of a list ends with the next complete list, before its watch has begun', async (context) => {
  let lists = 0;
  const running = await reflect(context, (_, response, url) => {
    // A watch that is never answered.
    if (isWatch(url)) return;
    if (lists++ === 0) response.writeHead(401).end(JSON.stringify({ kind: 'Status', code: 401 }));
    else response.end(servedPage([namespaceObject('a', '5')]));
  });
  await running.until(() => running.reflector.state.failing !== undefined);
  await running.until(() => running.reflector.isSynced);
  assert.equal(running.reflector.state.failing, undefined);
});

test('a line that is not an event is reported, and the watch continues after the last valid one', async (context) => {
  const running = await reflect(
    context,
    script(
      () => servedPage([]),
      [
        (response) => response.end(`${event('ADDED', namespaceObject('a', '30'))}not json\n`),
        (response) => response.write(event('ADDED', namespaceObject('b', '31'))),
      ],
    ),
  );
  await running.until(() => running.keys().length === 2);
  assert.equal(running.reflector.state.relists, 0);
  assert.equal(running.server.requests.at(-1)?.searchParams.get('resourceVersion'), '30');
});

test('an unusable object keeps its last good version and is named', () => {
  const bad = { metadata: { name: 'a', uid: 5, resourceVersion: '30' } };
  const seen: string[] = [];
  const store = new ObjectStore(
    (key, raw) => readObject('Namespace', key, raw),
    () => seen.push([...store.problems].map(({ text }) => text).join()),
  );
  store.set('a', namespaceObject('a', '5'));
  const before = store.view().get('a');
  store.set('a', bad);
  assert.equal(store.view().get('a'), before);
  assert.deepEqual(
    [...store.problems].map(({ text, consequence }) => `${text}; ${consequence}`),
    [
      'API server: Namespace a: metadata.uid: 5 is not a string; the last good version of this object stays in force',
    ],
  );
  store.set('a', namespaceObject('a', '31'));
  assert.deepEqual([...store.problems], []);
  assert.equal(store.view().get('a'), before, 'the same content is the same object');
  assert.equal(seen.length, 3);
});
