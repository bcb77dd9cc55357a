import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attribute } from '../../../../test/support/fake-netlink.ts';
import { addressBytes } from '../../../net/address.ts';
import { Attributes, decodeAddress } from './attribute.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

test('values are read by type, in host order or network order as requested', () => {
  const attributes = new Attributes(
    Buffer.concat([
      attribute(1, bytes('02005e100001')),
      attribute(2, bytes('c0000207')),
      attribute(3, Buffer.from('veth0\0')),
      attribute(4, bytes('aa050000')),
      attribute(5, bytes('12b5')),
      attribute(6, bytes('ffffffff')),
      attribute(7, bytes('0000000000000102')),
      attribute(8, bytes('20010db8000000000000000000000007')),
      attribute(9, bytes('80')),
    ]),
  );
  assert.equal(attributes.mac(1), '02:00:5e:10:00:01');
  assert.equal(attributes.address(2), '192.0.2.7');
  assert.equal(attributes.text(3), 'veth0');
  assert.equal(attributes.u32(4), 1450);
  assert.equal(attributes.u16BigEndian(5), 4789);
  assert.equal(attributes.i32(6), -1);
  assert.equal(attributes.u32(6), 0xffffffff);
  assert.equal(attributes.u32BigEndian(4), 0xaa050000);
  assert.equal(attributes.u64BigEndian(7), 0x102);
  assert.equal(attributes.address(8), '2001:db8::7');
  assert.equal(attributes.u8(9), 0x80);
});

test('an absent attribute is undefined to every reader', () => {
  const attributes = new Attributes(Buffer.alloc(0));
  assert.equal(attributes.has(1), false);
  for (const value of [
    attributes.u8(1),
    attributes.u16BigEndian(1),
    attributes.u32(1),
    attributes.i32(1),
    attributes.u32BigEndian(1),
    attributes.u64BigEndian(1),
    attributes.text(1),
    attributes.mac(1),
    attributes.address(1),
    attributes.nested(1),
    attributes.view(1),
  ]) {
    assert.equal(value, undefined);
  }
});

test('the flags in the type’s word are not part of the type', () => {
  const attributes = new Attributes(attribute(0x8000 | 18, attribute(0x4000 | 1, bytes('2a'))));
  assert.equal(attributes.nested(18)?.u8(1), 42);
});

test('if a type occurs twice, the last attribute counts', () => {
  const attributes = new Attributes(
    Buffer.concat([attribute(1, bytes('01')), attribute(1, bytes('02'))]),
  );
  assert.equal(attributes.u8(1), 2);
});

test('text ends at its terminator, or with the attribute if it has none', () => {
  const attributes = new Attributes(
    Buffer.concat([
      attribute(1, Buffer.from('a\0b')),
      attribute(2, Buffer.from('abcd')),
      attribute(3, Buffer.from('e\0')),
    ]),
  );
  assert.deepEqual(
    [attributes.text(1), attributes.text(2), attributes.text(3)],
    ['a', 'abcd', 'e'],
  );
});

test('a link-layer address that is not a MAC is absent', () => {
  const attributes = new Attributes(
    Buffer.concat([attribute(1, bytes('c0000201')), attribute(2, Buffer.alloc(20))]),
  );
  assert.equal(attributes.mac(1), undefined);
  assert.equal(attributes.mac(2), undefined);
});

test('an IPv4-mapped IPv6 address stays IPv6 and is encoded to the same bytes', () => {
  for (const hex of ['00000000000000000000ffff00000000', '00000000000000000000ffffc0000207']) {
    const address = decodeAddress(bytes(hex));
    assert.match(address, /^::ffff:/);
    assert.equal(Buffer.from(addressBytes(address)).toString('hex'), hex);
  }
});

const damaged = [
  { name: 'a length below its own header', hex: '03000100' },
  { name: 'a length of zero, which would never end', hex: '0000010000000000' },
  { name: 'a length beyond the end', hex: '0900010000000000' },
];

for (const { name, hex } of damaged) {
  test(`${name} is refused`, () => {
    assert.throws(() => new Attributes(bytes(hex)), { name: 'KernelError', code: 'EBADMSG' });
  });
}

test('a value that is too short for its reader is refused', () => {
  const attributes = new Attributes(
    Buffer.concat([attribute(1, bytes('01')), attribute(2, Buffer.alloc(0))]),
  );
  const refused = { name: 'KernelError', code: 'EBADMSG' };
  assert.throws(() => attributes.u32(1), refused);
  assert.throws(() => attributes.i32(1), refused);
  assert.throws(() => attributes.u16BigEndian(1), refused);
  assert.throws(() => attributes.u32BigEndian(1), refused);
  assert.throws(() => attributes.u64BigEndian(1), refused);
  assert.throws(() => attributes.u8(2), refused);
  assert.throws(() => attributes.address(1), refused);
});
