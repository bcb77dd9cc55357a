import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageWriter, splitMessages } from './message.ts';

test('a message begins with its length, type, flags and sequence number', () => {
  const writer = new MessageWriter();
  writer.begin(0x1234, 0x0605, 7).u8(1).u8(2).u16(0x0304).u32(0x05060708).end();
  assert.equal(
    writer.bytes.toString('hex'),
    `18000000${'3412'}${'0506'}0700000000000000${'0102'}${'0403'}08070605`,
  );
});

test('attributes are padded to four bytes, and their length does not count the padding', () => {
  const writer = new MessageWriter();
  writer
    .textAttribute(3, 'veth0')
    .u8Attribute(7, 0xff)
    .u16BigEndianAttribute(15, 4789)
    .u32Attribute(4, 1450)
    .u32BigEndianAttribute(8, 0x42)
    .attribute(1, Uint8Array.of(2, 0, 0x5e, 0x10, 0, 1))
    .flag(9);
  assert.equal(
    writer.bytes.toString('hex'),
    [
      '0a000300' + '766574683000' + '0000',
      '05000700' + 'ff' + '000000',
      '06000f00' + '12b5' + '0000',
      '08000400' + 'aa050000',
      '08000800' + '00000042',
      '0a000100' + '02005e100001' + '0000',
      '04000900',
    ].join(''),
  );
});

test('a nest covers its contents, including other nests', () => {
  const writer = new MessageWriter();
  writer.nest(18, () => {
    writer.u32Attribute(1, 1);
    writer.nest(2, () => writer.u8Attribute(3, 3));
  });
  assert.equal(
    writer.bytes.toString('hex'),
    '18001280' + '0800010001000000' + '0c000280' + '0500030003000000',
  );
});

test('padding is zero although the buffer was used before', () => {
  const writer = new MessageWriter();
  writer.attribute(1, new Uint8Array(64).fill(0xff));
  writer.clear();
  writer.attribute(1, Uint8Array.of(1)).attribute(2, new Uint8Array(0));
  assert.equal(writer.bytes.toString('hex'), '0500010001000000' + '04000200');
});

test('a growing buffer keeps its contents at every size', () => {
  const writer = new MessageWriter();
  const expected: Buffer[] = [];
  for (let round = 0; round < 1000; round++) {
    const value = Buffer.alloc(round % 13, round);
    writer.attribute(round, value);
    const bytes = Buffer.alloc((4 + value.length + 3) & ~3);
    bytes.writeUInt16LE(4 + value.length, 0);
    bytes.writeUInt16LE(round, 2);
    bytes.set(value, 4);
    expected.push(bytes);
  }
  assert.deepEqual(writer.bytes, Buffer.concat(expected));
});

test('a datagram is split into its messages, and padding between them is skipped', () => {
  const writer = new MessageWriter();
  writer.begin(16, 2, 5).u8(1).end();
  writer.u8(0).u16(0);
  writer.begin(3, 0, 6).end();
  const messages = splitMessages(writer.bytes);
  assert.deepEqual(
    messages.map(({ type, flags, sequence, payload }) => [type, flags, sequence, [...payload]]),
    [
      [16, 2, 5, [1]],
      [3, 0, 6, []],
    ],
  );
});

const damaged = [
  { name: 'ends within a header', hex: '10000000' + '0300' },
  { name: 'says less than a header', hex: '0f000000' + '0300000000000000' + '00000000' },
  { name: 'says zero, which would never end', hex: '00000000' + '0300000000000000' + '00000000' },
  { name: 'says more than there is', hex: '14000000' + '0300000000000000' + '00000000' },
  { name: 'has a stray byte after it', hex: '10000000' + '0300000000000000' + '00000000' + '00' },
];

for (const { name, hex } of damaged) {
  test(`a datagram that ${name} is refused`, () => {
    assert.throws(() => splitMessages(Buffer.from(hex, 'hex')), {
      name: 'KernelError',
      code: 'EBADMSG',
    });
  });
}
