import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertEnds } from '../../../test/support/assert-ends.ts';
import { objectWithoutSecrets, withoutSecrets } from './secrets.ts';

const token = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJub2RlIn0.c2lnbmF0dXJl';

const texts: readonly [string, string, string][] = [
  ['a web token', `said ${token} to it`, 'said <removed> to it'],
  ['a header', 'authorization: Bearer abcdefgh1234', 'authorization: Bearer <removed>'],
  ['a user in an address', 'GET https://me:pass@192.0.2.1/x', 'GET https://<removed>@192.0.2.1/x'],
  ['a field of a kubeconfig', 'user:\n  token: abc\n', 'user:\n  token: <removed>\n'],
  ['a web token after a hyphen', `x-${token}.more`, 'x-<removed>.more'],
  ['a quoted field of a list', '- "my-password" = abc', '- "my-password" = <removed>'],
  ['a value on the next line', 'token:\n\n  abc\nname: x', 'token:\n\n  <removed>\nname: x'],
  ['a field in a file of Windows', 'token: abc\r\nb', 'token: <removed>\r\nb'],
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

test('the first line of a block, an object or a list of secrets stays, and fields with other names stay', () => {
  const text = 'token: |\npassword: {\n"passwd": [ \ntokens: 3\npasswords and token = none\n';
  assert.equal(withoutSecrets(text), text);
});

test('a MiB of any characters takes time in proportion to its length', () => {
  const units = ['\n', ' ', '- ', 'a', 'a.', 'a-', 'eyJ-', 'eyJaaaaaaaa.', 'a://', 'bearer '];
  units.push('-----BEGIN PRIVATE KEY-----', '-----BEGIN ', 'token', 'token:', 'token:\n', '"');
  const texts = units.map(
    (unit) => `${JSON.stringify(unit)}.repeat(${Math.ceil(2 ** 20 / unit.length)}) + 'x'`,
  );
  const blanks = "' '.repeat(2 ** 20)";
  texts.push(`'bearer' + ${blanks}`, `'token' + ${blanks}`, `'token:' + ${blanks} + 'x'`);
  assertEnds(new URL('./secrets.js', import.meta.url).href, 'withoutSecrets', texts);
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
