import assert from 'node:assert/strict';
import { test } from 'node:test';
import { manifestText, rawItems } from './yaml.ts';

const value = (text: string): unknown => {
  const [item] = rawItems('a.yaml', `{kind: A, value: ${text}}`);
  const raw = item?.raw;
  return typeof raw === 'object' && raw !== null && 'value' in raw ? raw.value : undefined;
};

const scalars: readonly (readonly [text: string, value: unknown])[] = [
  ['yes', true],
  ['Off', false],
  ['y', true],
  ['N', false],
  ['"yes"', 'yes'],
  ['yEs', 'yEs'],
  ['true', true],
  ['0644', 420],
  ['0o17', 15],
  ['0x1F', 31],
  ['089', 89],
  ['12:30', '12:30'],
  ['2026-01-02', '2026-01-02'],
  ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z'],
  ['.nan', Number.NaN],
  ['1e3', 1000],
  ['~', null],
  ['9007199254740993', 9007199254740992],
];

for (const [text, expected] of scalars) {
  test(`${text} is read as kubectl reads it`, () => {
    assert.deepEqual(value(text), expected);
  });
}

test('a directive of another version changes nothing', () => {
  const [item] = rawItems('a.yaml', '%YAML 1.1\n---\nkind: A\nvalue: 2026-01-02\nother: 1:30\n');
  assert.deepEqual(item?.raw, { kind: 'A', value: '2026-01-02', other: '1:30' });
});

test('keys with a meaning in JavaScript are ordinary keys', () => {
  const [item] = rawItems('a.yaml', '{__proto__: {kind: A}, constructor: 7, toString: 8}');
  assert.deepEqual(Object.keys(item?.raw ?? {}), ['__proto__', 'constructor', 'toString']);
  assert.equal(Object.getPrototypeOf(item?.raw), Object.prototype);
});

test('keys are text, whatever they would be as values', () => {
  const [item] = rawItems('a.yaml', '{on: 1, y: 2, 0644: 3, ~: 4, 1.0: 5}');
  assert.deepEqual(item?.raw, { on: 1, y: 2, '0644': 3, '~': 4, '1.0': 5 });
  assert.throws(() => rawItems('a.yaml', '{[a]: 1}'), { message: /all keys must be strings/ });
});

test('Windows line ends, tabs after values and empty documents are accepted', () => {
  const items = rawItems(
    'a.yaml',
    '---\r\n\r\n--- # none\r\nkind: A\t\r\n...\r\n---\r\nkind: B\r\n---\r\n',
  );
  assert.deepEqual(
    items.map(({ origin, raw }) => [origin, raw]),
    [
      ['a.yaml, document 2', { kind: 'A' }],
      ['a.yaml, document 3', { kind: 'B' }],
    ],
  );
});

test('JSON with tabs, escapes and surrogate pairs is accepted', () => {
  const json =
    '{\n\t"kind": "A",\n\t"list": [\n\t\t"\\/ \\ud83d\\ude00",\n\t\t{\n\t\t\t"a": null\n\t\t}\n\t]\n}\n';
  assert.deepEqual(rawItems('a.json', json), [
    { origin: 'a.json, document 1', raw: JSON.parse(json) },
  ]);
});

const encoded: readonly (readonly [string, Uint8Array])[] = [
  ['UTF-8', Buffer.from('kind: Ä\n')],
  ['UTF-8 with a byte order mark', Buffer.from('\ufeffkind: Ä\n')],
  ['UTF-16', Buffer.from('\ufeffkind: Ä\n', 'utf16le')],
  ['UTF-16 in network order', Buffer.from('\ufeffkind: Ä\n', 'utf16le').swap16()],
];

for (const [name, bytes] of encoded) {
  test(`${name} is accepted`, () => {
    assert.deepEqual(rawItems('a.yaml', manifestText(bytes)), [
      { origin: 'a.yaml, document 1', raw: { kind: 'Ä' } },
    ]);
  });
}

test('bytes that are not text are refused instead of replaced', () => {
  assert.throws(() => manifestText(Buffer.from([0x61, 0x3a, 0x20, 0xe4])), {
    message: 'is not UTF-8',
  });
});

test('a file that ends before its first document is not an empty file', () => {
  assert.throws(() => rawItems('a.yaml', '%YAML 1.2 3 4\n'), {
    message: /^a\.yaml: is not YAML: /,
  });
});

test('too deep nesting is refused with that reason', () => {
  const deep = `a: ${'['.repeat(100_000)}`;
  assert.throws(() => rawItems('a.yaml', deep), {
    message: /^a\.yaml, document 1: is nested too deeply$/,
  });
});
