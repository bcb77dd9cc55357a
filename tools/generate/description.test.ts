import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { describeObject } from './description.ts';
import { commonPrefix, words } from './names.ts';
import { renderModule } from './render.ts';

const object = readFileSync('dist/test/bpf/shapes.bpf.o');
const header = readFileSync('test/bpf/shapes.h', 'utf8');

test('structs keep their offsets, holes and order of dependence', () => {
  const { structs } = describeObject(object, header);
  const number = { type: 'number', size: 4 };
  assert.deepEqual(structs, [
    {
      cName: 'shape_key',
      size: 8,
      fields: [
        { name: 'small', offset: 0, value: { type: 'number', codec: 'u8', size: 1 } },
        { name: 'afterAHole', offset: 4, value: { ...number, codec: 'u32' } },
      ],
    },
    {
      cName: 'shape',
      size: 36,
      fields: [
        { name: 'belowZero', offset: 0, value: { ...number, codec: 'i32' } },
        { name: 'kind', offset: 4, value: { ...number, codec: 'u32' } },
        { name: 'port', offset: 8, value: { type: 'number', codec: 'u16be', size: 2 } },
        {
          name: 'two',
          offset: 10,
          value: { type: 'readonly [number, number]', codec: 'u8', size: 2, length: 2 },
        },
        { name: 'raw', offset: 12, value: { type: 'Uint8Array', codec: 'bytes(6)', size: 6 } },
        {
          name: 'keys',
          offset: 20,
          value: {
            type: 'readonly [ShapeKey, ShapeKey]',
            codec: 'shapeKeyCodec',
            size: 16,
            length: 2,
          },
        },
      ],
    },
    {
      cName: 'shape_event',
      size: 16,
      fields: [
        { name: 'time', offset: 0, value: { type: 'number', codec: 'u64', size: 8 } },
        { name: 'side', offset: 8, value: { ...number, codec: 'u32' } },
      ],
    },
  ]);
});

test('enums lose their common prefix, and a final COUNT is not a member', () => {
  assert.deepEqual(describeObject(object, header).enums, [
    {
      cName: 'shape_kind',
      members: [
        { name: 'round', value: 1 },
        { name: 'withCorners', value: 4 },
      ],
      count: 5,
    },
    {
      cName: 'no_prefix',
      members: [
        { name: 'left', value: 0 },
        { name: 'right', value: 1 },
      ],
    },
  ]);
});

test('maps, ring buffers, programs and constants are listed by name', () => {
  const { maps, rings, programs, constants } = describeObject(object, header);
  assert.deepEqual(
    maps.map(({ cName, type, maxEntries, perCpu }) => [cName, type, maxEntries, perCpu]),
    [
      ['shapes', 'lru_hash', 12, false],
      ['sums', 'percpu_array', 1, true],
    ],
  );
  const record = { type: 'ShapeEvent', codec: 'shapeEventCodec', size: 16 };
  assert.deepEqual(rings, [{ cName: 'shape_events', sizeBytes: 65536, record }]);
  assert.deepEqual(programs, [
    { name: 'look', section: 'xdp' },
    { name: 'tell', section: 'tc' },
  ]);
  assert.deepEqual(constants, ['enabled', 'least_size']);
});

test('the module zeroes bytes without a field', () => {
  const text = renderModule(describeObject(object, header), 'shapes.h');
  assert.match(text, /clear\(into, offset \+ 1, 3\);/);
  assert.match(text, /clear\(into, offset \+ 18, 2\);/);
  assert.match(text, /clear\(into, offset \+ 12, 4\);/);
  assert.match(text, /4: 'with corners',/);
  assert.match(text, /export const shapeKindCount = 5;/);
  assert.match(text, /readonly sums: PerCpuMapSpec<number, number>;/);
  assert.match(text, /export const programSections = \{\n {2}look: 'xdp',\n {2}tell: 'tc',\n\}/);
});

test('an enum dropped by clang is named, because only a use keeps it', () => {
  assert.throws(() => describeObject(object, 'enum unused_kind {\n'), {
    message: "enum unused_kind is not in the object's BTF: nothing that clang emitted refers to it",
  });
});

test('an object without type information tells how to compile it', () => {
  assert.throws(() => describeObject(new Uint8Array(100), header), /not a 64-bit ELF file/);
});

test('names are split into words, and prefixes end at an underscore', () => {
  assert.equal(words('spoofedAddress'), 'spoofed address');
  const cases: readonly (readonly [string[], string])[] = [
    [['A_B_X', 'A_B_Y'], 'A_B_'],
    [['A_BX', 'A_BY'], 'A_'],
    [['X', 'Y'], ''],
    [[], ''],
  ];
  for (const [names, prefix] of cases) assert.equal(commonPrefix(names), prefix);
});
