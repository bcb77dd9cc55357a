import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clashes, isLoopback, splitListenAddress } from './listen-address.ts';

test('an address with a port is split, anything else is refused', () => {
  const cases: readonly [string, object | undefined][] = [
    ['127.0.0.1:9655', { host: '127.0.0.1', port: 9655 }],
    ['[::]:0', { host: '::', port: 0 }],
    ['[2001:DB8::1]:65535', { host: '2001:DB8::1', port: 65_535 }],
    ['127.0.0.1:65536', undefined],
    ['300.0.0.1:1', undefined],
    ['127.0.0.1', undefined],
    ['::1:9655', undefined],
    ['[1::2::3]:1', undefined],
    ['[fe80::1%eth0]:1', undefined],
    [':9655', undefined],
    ['localhost:9655', undefined],
    ['127.0.0.1:9655\n', undefined],
    ['', undefined],
  ];
  for (const [text, parts] of cases) assert.deepEqual(splitListenAddress(text), parts, text);
});

test('a loopback address is reachable only from this network namespace', () => {
  for (const text of ['127.0.0.1:1', '127.8.9.10:1', '[::1]:1']) assert.ok(isLoopback(text), text);
  for (const text of ['0.0.0.0:1', '[::]:1', '10.0.0.1:1', '[::ffff:127.0.0.1]:1', 'none']) {
    assert.ok(!isLoopback(text), text);
  }
});

test('two addresses clash if they use the same port', () => {
  assert.ok(clashes('127.0.0.1:9656', '127.0.0.1:9656'));
  assert.ok(clashes('127.0.0.1:9656', '[::]:9656'));
  assert.ok(clashes('[::1]:9656', '0.0.0.0:9656'));
  assert.ok(!clashes('127.0.0.1:9656', '[::]:9655'));
  assert.ok(!clashes('127.0.0.1:9656', '192.0.2.1:9656'));
  assert.ok(!clashes('127.0.0.1:0', '127.0.0.1:0'));
  assert.ok(!clashes('127.0.0.1:9656', 'none'));
});
