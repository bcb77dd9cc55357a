import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeBytes } from '../../test/support/encode-bytes.ts';
import { addressFromBytes, parseAddress } from '../net/address.ts';
import { parseMac } from '../net/mac.ts';
import { mac, mappedAddress } from './address-codec.ts';
import { skBuff } from './bpf/sk-buff.ts';
import {
  bytes,
  type Codec,
  clear,
  i32,
  littleEndian,
  u8,
  u16,
  u16be,
  u32,
  u32be,
  u64,
  u64big,
} from './codec.ts';
import { structCodec } from './struct-codec.ts';

/** Hexadecimal bytes of a big-endian machine, reversed if this one is little-endian. */
function native(hex: string): string {
  return littleEndian ? Buffer.from(hex, 'hex').reverse().toString('hex') : hex;
}

function assertCodec<T>(codec: Codec<T>, value: T, hex: string): void {
  const encoded = encodeBytes(codec, value);
  assert.equal(Buffer.from(encoded).toString('hex'), hex);
  assert.deepEqual(codec.decode(new DataView(encoded.buffer), 0), value);
}

test('scalars are in the machine’s order, __be ones in network order', () => {
  assertCodec(u8, 0xfe, 'fe');
  assertCodec(u16, 0x0102, native('0102'));
  assertCodec(u16be, 0x0102, '0102');
  assertCodec(u32, 0xfffefdfc, native('fffefdfc'));
  assertCodec(u32be, 0xfffefdfc, 'fffefdfc');
  assertCodec(i32, -2, native('fffffffe'));
  assertCodec(u64, 2 ** 53 - 1, native('001fffffffffffff'));
  assertCodec(u64, 2 ** 32, native('0000000100000000'));
  assertCodec(u64big, 2n ** 64n - 1n, 'ffffffffffffffff');
});

test('addresses are 16 bytes in network order, with IPv4 mapped', () => {
  assertCodec(mappedAddress, parseAddress('255.255.255.255'), `${'00'.repeat(10)}ffffffffffff`);
  assertCodec(mappedAddress, parseAddress('0.0.0.0'), `${'00'.repeat(10)}ffff00000000`);
  assertCodec(mappedAddress, parseAddress('192.0.2.1'), '00000000000000000000ffffc0000201');
  assertCodec(mappedAddress, parseAddress('2001:db8::2'), '20010db8000000000000000000000002');
  assertCodec(mappedAddress, parseAddress('::'), '00'.repeat(16));
  assertCodec(mappedAddress, parseAddress('::2'), `${'00'.repeat(15)}02`);
  assertCodec(mac, parseMac('02:00:5e:10:00:0a'), '02005e10000a');
});

test('addresses are encoded and decoded like the address library does', () => {
  // Every pattern of zero and other groups, so every place and length of `::`.
  for (let pattern = 0; pattern < 256; pattern++) {
    const encoded = new Uint8Array(16);
    for (let group = 0; group < 8; group++) {
      if ((pattern >> group) % 2 === 1) encoded[group * 2 + (group % 2)] = 0x0a + group;
    }
    const address = addressFromBytes(encoded);
    assert.equal(mappedAddress.decode(new DataView(encoded.buffer), 0), address);
    assert.deepEqual(encodeBytes(mappedAddress, address), encoded);
  }
});

test('a struct has its fields at their offsets, and zeros between them', () => {
  const pair = structCodec<{ left: number; right: number }>(8, {
    left: [0, u8],
    right: [4, u32be],
  });
  assertCodec(pair, { left: 1, right: 0x02030405 }, '0100000002030405');
});

test('encoding overwrites every byte', () => {
  const into = new DataView(new ArrayBuffer(skBuff.size));
  const cases: readonly (readonly [size: number, encode: () => void])[] = [
    [16, () => mappedAddress.encode(parseAddress('192.0.2.1'), into, 0)],
    [16, () => bytes(16).encode(new Uint8Array(), into, 0)],
    [skBuff.size, () => skBuff.encode({ mark: 7 }, into, 0)],
  ];
  for (const [size, encode] of cases) {
    new Uint8Array(into.buffer).fill(0xaa);
    encode();
    assert.equal(new Uint8Array(into.buffer, 0, size).includes(0xaa), false);
  }
});

test('raw bytes are padded with zeros, copied when decoded, and refused when too long', () => {
  assertCodec(bytes(4), Uint8Array.of(1, 2, 3, 4), '01020304');
  assert.deepEqual(encodeBytes(bytes(4), Uint8Array.of(1)), Uint8Array.of(1, 0, 0, 0));
  assert.throws(() => encodeBytes(bytes(2), Uint8Array.of(1, 2, 3)), RangeError);
  const memory = new DataView(Uint8Array.of(1, 2).buffer);
  const copy = bytes(2).decode(memory, 0);
  clear(memory, 0, 2);
  assert.deepEqual(copy, Uint8Array.of(1, 2));
});
