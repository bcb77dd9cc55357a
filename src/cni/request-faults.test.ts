import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode } from '../../test/support/decoded-request.ts';
import { malformedRequests } from '../../test/support/malformed-requests.ts';
import { answerVersion, splitCall } from './call.ts';
import { CniError, cniErrorCode, formatError, toCniError } from './error.ts';

for (const { written, code, message } of malformedRequests) {
  test(`refuses ${JSON.stringify(written).slice(0, 80)} with ${code}: ${message.slice(0, 100)}`, () => {
    assert.throws(
      () => decode(written),
      (error: unknown) => {
        assert.ok(error instanceof CniError, String(error));
        assert.deepEqual([error.code, error.message], [cniErrorCode[code], message]);
        return true;
      },
    );
  });
}

const brokenBodies: readonly [string, Uint8Array, RegExp][] = [
  ['nothing at all', Buffer.from(''), /the environment is not terminated/],
  ['an environment without its end', Buffer.from('CNI_COMMAND=ADD'), /is not terminated/],
  ['an entry without a value', Buffer.from('CNI_COMMAND\0\0{}'), /"CNI_COMMAND" is not NAME=value/],
  ['an entry without a name', Buffer.from('=ADD\0\0{}'), /"=ADD" is not NAME=value/],
  [
    'an environment that is not UTF-8',
    Buffer.from([0xff, 0x3d, 0, 0]),
    /environment: is not UTF-8/,
  ],
  [
    'a configuration that is not UTF-8',
    Buffer.from([0, 0xc3, 0x28]),
    /configuration: is not UTF-8/,
  ],
];

for (const [name, body, text] of brokenBodies) {
  test(`refuses ${name} as not decodable`, () => {
    assert.throws(
      () => splitCall(body),
      (error: unknown) =>
        error instanceof CniError && error.code === cniErrorCode.decode && text.test(error.message),
    );
  });
}

test('keeps environment and configuration separate, byte by byte', () => {
  const call = splitCall(Buffer.from('CNI_ARGS=a=b;c\0CNI_NETNS=\0\0{"x":"\\u0000"}'));
  assert.deepEqual(
    [...call.environment],
    [
      ['CNI_ARGS', 'a=b;c'],
      ['CNI_NETNS', ''],
    ],
  );
  assert.equal(call.configuration, '{"x":"\\u0000"}');
});

const versions: readonly [string, string][] = [
  ['{"cniVersion":"0.4.0"}', '0.4.0'],
  ['{"cniVersion":"7.0.0"}', '7.0.0'],
  ['{"cniVersion":7}', '1.1.0'],
  ['{}', '1.1.0'],
  ['null', '1.1.0'],
  ['{', '1.1.0'],
];

for (const [text, expected] of versions) {
  test(`answers a request of ${text} in version ${expected}`, () => {
    assert.equal(answerVersion({ environment: new Map(), configuration: text }), expected);
  });
}

test('writes an error as the specification requires', () => {
  const error = new CniError(cniErrorCode.tryLater, 'no addresses', { details: 'wait' });
  assert.equal(
    formatError('1.0.0', error),
    '{"cniVersion":"1.0.0","code":11,"msg":"no addresses","details":"wait"}\n',
  );
  assert.equal(
    formatError('0.4.0', toCniError(new TypeError('a bug'))),
    '{"cniVersion":"0.4.0","code":999,"msg":"a bug"}\n',
  );
});
