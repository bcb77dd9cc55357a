import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Connection } from './connection.ts';

const servers = ['a', 'b', 'c'];

function connection(): Connection {
  const made = new Connection(() => undefined);
  assert.deepEqual(made.order(servers), servers);
  return made;
}

test('servers that answer wrongly come after the others; if all do, the latest one comes last', () => {
  const made = connection();
  made.avoid('a');
  assert.deepEqual(made.order(servers), ['b', 'c', 'a']);
  made.avoid('b');
  assert.deepEqual(made.order(servers), ['c', 'a', 'b']);
  made.avoid('c');
  assert.deepEqual(made.order(servers), ['a', 'b', 'c']);
  made.avoid('a');
  assert.deepEqual(made.order(servers), ['b', 'a', 'c']);
});

test('an answer to a request sent before a server answered wrongly does not clear the fault', () => {
  const made = connection();
  const before = performance.now();
  while (performance.now() === before);
  made.avoid('a');
  made.connected('a');
  made.worked('a', before);
  assert.deepEqual(made.order(servers), ['b', 'c', 'a']);
  while (performance.now() - before < 1);
  made.worked('a', performance.now());
  assert.deepEqual(made.order(servers), ['a', 'b', 'c']);
});
