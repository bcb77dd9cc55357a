import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectWithoutSecrets, withoutSecrets } from './secrets.ts';

const token = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJub2RlIn0.c2lnbmF0dXJl';

const texts: readonly [string, string, string][] = [
  ['a web token', `said ${token} to it`, 'said <removed> to it'],
  ['a header', 'authorization: Bearer abcdefgh1234', 'authorization: Bearer <removed>'],
  ['a user in an address', 'GET https://me:pass@192.0.2.1/x', 'GET https://<removed>@192.0.2.1/x'],
  ['a field of a kubeconfig', 'user:\n  token: abc\n', 'user:\n  token: <removed>\n'],
  [
    'a private key',
    'a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb',
    'a\n<removed>\nb',
  ],
];

for (const [what, given, kept] of texts)
  test(`${what} is removed from a text`, () => {
    assert.equal(withoutSecrets(given), kept);
    assert.equal(withoutSecrets(kept), kept);
  });

test('text without secrets stays', () => {
  const text = 'node-1: healthy\n  uplinks eth0 192.0.2.11/24\nhttps://192.0.2.1:6443\n';
  assert.equal(withoutSecrets(text), text);
});

test('fields with names of secrets lose their values at any depth; flags and other fields do not', () => {
  assert.deepEqual(
    objectWithoutSecrets({
      metadata: {
        name: 'node-1',
        annotations: {
          'kubectl.kubernetes.io/last-applied-configuration': '{}',
          'heddle.dev/x': '1',
        },
      },
      users: [{ name: 'admin', user: { 'client-key-data': 'abc', exec: { command: 'login' } } }],
      spec: { automountServiceAccountToken: false, env: [{ name: 'A', value: token }] },
    }),
    {
      metadata: {
        name: 'node-1',
        annotations: {
          'kubectl.kubernetes.io/last-applied-configuration': '<removed>',
          'heddle.dev/x': '1',
        },
      },
      users: [{ name: 'admin', user: { 'client-key-data': '<removed>', exec: '<removed>' } }],
      spec: { automountServiceAccountToken: false, env: [{ name: 'A', value: '<removed>' }] },
    },
  );
});
