import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expiredText } from './token.ts';

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const bearer = (claims: unknown): object => ({
  Authorization: `Bearer ${base64({ alg: 'ES256' })}.${base64(claims)}.signature`,
});
const expiry = Date.parse('2030-01-01T00:00:00Z');
const later = new Date(expiry + 1_000);

test('an expired token is reported with its time', () => {
  const headers = bearer({ exp: expiry / 1_000, sub: 'system:serviceaccount:kube-system:heddle' });
  assert.equal(
    expiredText(headers, later),
    "the agent's token expired at 2030-01-01T00:00:00.000Z: it is read again when it has been replaced",
  );
  assert.equal(expiredText(headers, new Date(expiry - 1_000)), undefined, 'not before');
});

test('a token without an expiry time is not reported', () => {
  const others = [
    undefined,
    {},
    { Authorization: 'Bearer opaque' },
    { Authorization: 'Bearer a.b.c' },
    { Authorization: 'Basic eDp5' },
    bearer({}),
    bearer({ exp: 'soon' }),
  ];
  for (const headers of others) assert.equal(expiredText(headers, later), undefined);
});
