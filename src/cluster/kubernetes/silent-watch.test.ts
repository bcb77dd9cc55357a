// Open watches without events: the API server may not have reached the version from which they start.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { event, namespaceObject, servedPage } from '../../../test/support/api-protocol.ts';
import { isWatch, reflect } from '../../../test/support/reflected.ts';

test('after two watches without an event, whatever their duration, everything is listed', async (context) => {
  let names = ['a', 'b'];
  const running = await reflect(
    context,
    (_, response, url) => {
      if (!isWatch(url)) {
        response.end(servedPage(names.map((name) => namespaceObject(name, '5'))));
        names = ['a', 'b', 'c'];
        return;
      }
      response.writeHead(200).flushHeaders();
      setTimeout(() => response.end(), 600);
    },
    { watchMs: 720, settledMs: 20 },
  );
  await running.until(() => running.keys().includes('c'));
  const asked = running.server.requests.map((url) => (isWatch(url) ? 'watch' : 'list'));
  assert.deepEqual(asked.slice(0, 4), ['list', 'watch', 'watch', 'list']);
});

test('a watch that continues from a bookmark with a future version is replaced by a list', async (context) => {
  let lists = 0;
  let watches = 0;
  const running = await reflect(
    context,
    (_, response, url) => {
      if (!isWatch(url)) {
        const names = lists++ === 0 ? ['a'] : ['a', 'b'];
        response.end(servedPage(names.map((name) => namespaceObject(name, '5'))));
        return;
      }
      response.writeHead(200).flushHeaders();
      if (watches++ === 0)
        response.end(event('BOOKMARK', { metadata: { resourceVersion: '90000' } }));
    },
    { watchSilenceMs: 100, settledMs: 20, doubtMs: 5 },
  );
  await running.until(() => running.keys().includes('b'));
  const versions = running.server.requests.map(({ searchParams }) =>
    searchParams.get('resourceVersion'),
  );
  // Older than the bookmark, so the list must come three times.
  assert.deepEqual(versions.slice(0, 6), [null, '10', '90000', null, null, null]);
});
