// Watches with events that cannot be new: a cache on the way is behind, or the event is not about an object of this
// kind.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { event, servedPage } from '../../../test/support/api-protocol.ts';
import { isWatch, reflect } from '../../../test/support/reflected.ts';

const object = (uid: string, more: object): object => ({ metadata: { name: 'a', uid, ...more } });

const old: readonly (readonly [string, object, RegExp])[] = [
  ['an older version', { resourceVersion: '9' }, /a in a version from before the watch began/],
  [
    "the list's own version",
    { resourceVersion: '10' },
    /a in a version from before the watch began/,
  ],
  ['no version', {}, /a without a version/],
  ['version 0', { resourceVersion: '0' }, /a without a version/],
  ['a number as its version', { resourceVersion: 12 }, /a without a version/],
  ['a version that is not a number', { resourceVersion: 'x' }, /before the watch began/],
  ['a namespace', { resourceVersion: '12', namespace: 'x' }, /a Namespace with a namespace/],
];

for (const type of ['ADDED', 'MODIFIED', 'DELETED'])
  for (const [title, more, says] of old)
    test(`an event ${type} of ${title} is not accepted, and everything is listed`, async (context) => {
      let watches = 0;
      const running = await reflect(context, (_, response, url) => {
        if (!isWatch(url)) {
          response.end(servedPage([object('u-1', { resourceVersion: '5' })]));
          return;
        }
        response.writeHead(200).flushHeaders();
        if (watches++ > 0)
          response.write(event('ADDED', { metadata: { name: 'b', resourceVersion: '13' } }));
        else response.write(event(type, object('u-2', more)));
      });
      await running.until(() => running.reflector.state.failing !== undefined);
      assert.match(running.reflector.state.failing?.text ?? '', says);
      await running.until(() => running.keys().includes('b'));
      assert.deepEqual(running.keys(), ['a', 'b']);
      assert.equal(running.reflector.state.relists, 1);
      assert.ok(running.history.every((keys) => keys !== '' || running.history[0] === keys));
      assert.equal(running.uid('a'), 'u-1');
    });
