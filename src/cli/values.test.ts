import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidArgumentError } from 'commander';
import { parseFlowEnd } from './values.ts';

test('an end of a flow is a pod, a namespace, a node or an address, with an optional port', () => {
  for (const [text, end] of [
    ['shop/web-1', 'shop/web-1'],
    ['shop/web-1:5432', 'shop/web-1:5432'],
    ['shop/', 'shop/'],
    ['shop/:80', 'shop/:80'],
    ['node-2', 'node-2'],
    ['node-2.example:443', 'node-2.example:443'],
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:65535', '192.0.2.1:65535'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['[2001:DB8:0::1]:80', '[2001:db8::1]:80'],
  ] as const) {
    assert.equal(parseFlowEnd(text), end);
  }
});

test('text that is not an end of a flow is refused', () => {
  for (const text of [
    ...['', ' ', '/', '/web-1', ':80', 'a/b/c', 'a/b/c:99999', 'Shop/web-1', 'shop/web-1:'],
    ...['shop/web-1:0', 'shop/web-1:65536', 'shop/web-1:080', 'shop/web-1:http', '[192.0.2.1]:80'],
    ...['[2001:db8::1]', '[2001:db8::1]:', '[shop/web-1]:80', 'node_1', 'shop/web-1\n'],
  ]) {
    assert.throws(() => parseFlowEnd(text), InvalidArgumentError, JSON.stringify(text));
  }
});
