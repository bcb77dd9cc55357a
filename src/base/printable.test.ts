import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  boundedStrings,
  isPrintable,
  printable,
  printableJson,
  printableStrings,
} from './printable.ts';

const cases: readonly (readonly [what: string, text: string, shown: string])[] = [
  ['plain text', 'node-1: 10.0.0.0/8 is shorter', 'node-1: 10.0.0.0/8 is shorter'],
  ['other scripts and signs', 'Größe 日本 → ✓', 'Größe 日本 → ✓'],
  ['an escape sequence', '\x1b[2J\x1b]0;pwned\x07', '\\x1b[2J\\x1b]0;pwned\\x07'],
  ['the same by C1 characters', '\x9b2J\x9d0;pwned\x9c', '\\x9b2J\\x9d0;pwned\\x9c'],
  ['lines', 'a\nb\r\tc', 'a\\nb\\r\\tc'],
  ['zero and delete', '\0\x7f\b', '\\x00\\x7f\\x08'],
  ['another direction', 'a\u202egnp.exe\u2066', 'a\\u{202e}gnp.exe\\u{2066}'],
  ['what is invisible', 'a\u200b\u00ad\ufeff\u{e0041}', 'a\\u{200b}\\xad\\u{feff}\\u{e0041}'],
  ['other line ends', 'a\u2028b\u2029c\x85d', 'a\\u{2028}b\\u{2029}c\\x85d'],
  ['half a pair', 'a\ud83d', 'a\\u{d83d}'],
];
for (const [what, text, shown] of cases) {
  test(`${what} is shown without any effect on a terminal`, () => {
    assert.equal(printable(text), shown);
    assert.equal(isPrintable(text), text === shown);
    const json = printableJson(JSON.stringify({ [text]: text }));
    assert.deepEqual(JSON.parse(json), { [text]: text });
    assert.ok(isPrintable(json), json);
  });
}

test('a long text is cut, but not inside a character', () => {
  assert.equal(printable('A'.repeat(200_000), 63), `${'A'.repeat(63)}... (200000 characters)`);
  assert.equal(printable('ab😀', 3), 'ab... (4 characters)');
  assert.ok(printable('\x1b'.repeat(1_000_000)).length < 5_000);
});

test('strings at any depth are made printable, including keys, and everything else stays', () => {
  const given = { a: ['\x1b', 1, undefined, null, true], '\x07': { b: '\x9b' } };
  assert.deepEqual(printableStrings(given), {
    a: ['\\x1b', 1, undefined, null, true],
    '\\x07': { b: '\\x9b' },
  });
  const date = new Date(0);
  assert.equal(printableStrings({ date }).date, date);
  assert.deepEqual(boundedStrings({ a: `${'x'.repeat(9)}\n` }, 4), {
    a: 'xxxx... (10 characters)',
  });
});
