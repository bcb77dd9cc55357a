import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Btf } from './btf.ts';
import { elfSection, parseElf } from './elf.ts';

const object = readFileSync('dist/test/bpf/shapes.bpf.o');

test('an object’s sections and symbols are found', () => {
  const elf = parseElf(object);
  assert.equal(elf.sections.find(({ name }) => name === 'xdp')?.executable, true);
  assert.equal(elfSection(elf, 'license')?.length, 'Dual BSD/GPL'.length + 1);
  assert.equal(elfSection(elf, '.nowhere'), undefined);
  const tell = elf.symbols.find(({ name }) => name === 'tell');
  assert.deepEqual(
    [tell?.kind, tell?.section, tell?.offset, tell?.global],
    ['function', 'tc', 0, true],
  );
  const constant = elf.symbols.find(({ name }) => name === 'least_size');
  assert.deepEqual([constant?.kind, constant?.section, constant?.size], ['object', '.rodata', 2]);
});

test('types are resolved past typedefs and qualifiers, sizes known', () => {
  const btf = Btf.fromObject(object);
  const shape = btf.find('struct', 'shape');
  assert.ok(shape);
  assert.equal(shape.size, 36);
  const port = shape.members.find(({ name }) => name === 'port');
  assert.ok(port);
  assert.equal(port.bitOffset, 64);
  assert.deepEqual(btf.typedefs(port.type).slice(0, 2), ['__be16', '__u16']);
  assert.equal(btf.resolve(port.type).kind, 'int');
  const keys = shape.members.find(({ name }) => name === 'keys');
  assert.equal(keys && btf.sizeOf(keys.type), 16);
  assert.deepEqual(btf.find('enum', 'shape_kind')?.enumerators.at(-1), {
    name: 'SHAPE_KIND_COUNT',
    value: 5n,
  });
});

test('negative enumerators and 64-bit enums keep their values', () => {
  const strings = Buffer.from('\0low\0high\0e\0f\0');
  const words = [
    ...[10, ((6 << 24) | 0x80000001) >>> 0, 4, 1, 0xfffffffe], // signed enum e { low = -2 }
    ...[12, (19 << 24) | 1, 8, 5, 1, 2], // enum64 f { high = 0x2_0000_0001 }
  ];
  const btf = Btf.parse(rawBtf(words, strings));
  assert.deepEqual(btf.find('enum', 'e')?.enumerators, [{ name: 'low', value: -2n }]);
  assert.deepEqual(btf.find('enum', 'f')?.enumerators, [{ name: 'high', value: 0x200000001n }]);
});

test('input that is not ELF, not BTF or newer than the parser is refused', () => {
  assert.throws(() => parseElf(Buffer.from('#!/bin/sh')), /not a 64-bit ELF file/);
  assert.throws(() => Btf.parse(Buffer.alloc(100)), /not BTF/);
  assert.throws(() => Btf.parse(rawBtf([0, 31 << 24, 0], Buffer.alloc(1))), /BTF kind 31 is newer/);
});

function rawBtf(words: readonly number[], strings: Buffer): Uint8Array {
  const types = Buffer.alloc(words.length * 4);
  for (const [index, word] of words.entries()) types.writeUInt32LE(word >>> 0, index * 4);
  const header = Buffer.alloc(24);
  header.writeUInt16LE(0xeb9f, 0);
  header.writeUInt8(1, 2);
  header.writeUInt32LE(24, 4);
  header.writeUInt32LE(types.length, 12);
  header.writeUInt32LE(types.length, 16);
  header.writeUInt32LE(strings.length, 20);
  return Buffer.concat([header, types, strings]);
}
