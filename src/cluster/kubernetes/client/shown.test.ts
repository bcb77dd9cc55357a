import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shownServer, shownText } from './shown.ts';

const servers: readonly [string, string][] = [
  ['https://192.0.2.1:6443', 'https://192.0.2.1:6443'],
  ['https://[2001:db8::1]:6443', 'https://[2001:db8::1]:6443'],
  ['http://user:pw@192.0.2.1:8080', 'http://192.0.2.1:8080'],
  ['https://token@api.example:443/x', 'https://api.example'],
  ['https://api.example/k8s?token=pw#pw', 'https://api.example'],
  ['http://user:p/w@api.example', 'http://<removed>'],
  ['http://user:p?w@api.example', 'http://<removed>'],
  ['http://user:12?w@api.example', 'http://<removed>'],
  ['http://user:p#w@api.example', 'http://<removed>'],
  ['http://user:p@w@api.example', 'http://api.example'],
  ['http://user:%40pw@api.example', 'http://api.example'],
  ['user:pw@api.example', '<removed>'],
  ['', '<removed>'],
];

for (const [address, shown] of servers)
  test(`${address || 'nothing'} is shown as ${shown}`, () => {
    assert.equal(shownServer(address), shown);
  });

const texts: readonly [string, string][] = [
  ['pods is forbidden: no', 'pods is forbidden: no'],
  ['a\nb\t\u001b[2Jc\u202ed\u0000', 'a b [2Jc d'],
  ['Authorization: Bearer abc.def', 'Authorization: Bearer <removed>'],
  ['"Bearer abc" and Basic dXNlcg==', '"Bearer <removed>" and Basic <removed>'],
  ['said eyJhbGciOi.eyJzdWIi.c2ln to it', 'said <removed> to it'],
  ['GET https://me:p@ss@192.0.2.1/x', 'GET https://<removed>@192.0.2.1/x'],
  ['/api?access_token=abc&x=1', '/api?access_token=<removed>&x=1'],
  ['password: hunter2, then', 'password: <removed>, then'],
];

for (const [given, shown] of texts)
  test(`the server's text is shown as: ${shown}`, () => {
    assert.equal(shownText(given), shown);
    assert.equal(shownText(shown), shown);
  });

test('a long text is shortened at no cost for its length', () => {
  assert.equal(shownText('x'.repeat(50_000_000), 10), `${'x'.repeat(10)}...`);
});
