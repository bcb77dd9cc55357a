import assert from 'node:assert/strict';
import { test } from 'node:test';
import ipaddr from 'ipaddr.js';
import { seededRandom } from '../../test/support/random.ts';
import {
  addressBytes,
  addressFamily,
  addressFromBytes,
  compareAddresses,
  isMapped,
  mappedBytes,
  parseAddress,
  unmapped,
} from './address.ts';

test('equal addresses become equal text in any spelling', () => {
  const cases: [string, string][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:db8::1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0db8::0001', '2001:db8::1'],
    ['::', '::'],
  ];
  for (const [text, address] of cases) assert.equal(parseAddress(text), address);
});

test('text that is not an address is refused with its value', () => {
  const wrong = [
    '',
    'web-1',
    '192.0.2',
    '192.0.2.256',
    '192.0.2.1/24',
    '0xc0.0.2.1',
    '2001:db8::1%eth0',
    '1',
    ':',
  ];
  for (const text of wrong)
    assert.throws(() => parseAddress(text, 'Node node-1', 'status.addresses[0]'), {
      name: 'InputError',
      message: `Node node-1: status.addresses[0]: ${text || '""'} is not an IPv4 or IPv6 address`,
    });
});

test('the family is determined by the text', () => {
  assert.equal(addressFamily(parseAddress('192.0.2.1')), 4);
  assert.equal(addressFamily(parseAddress('2001:db8::1')), 6);
});

test('bytes are in network order, and IPv4 is mapped for the data path', () => {
  const four = parseAddress('192.0.2.1');
  const six = parseAddress('2001:db8::1');
  assert.equal(Buffer.from(addressBytes(four)).toString('hex'), 'c0000201');
  assert.equal(Buffer.from(mappedBytes(four)).toString('hex'), '00000000000000000000ffffc0000201');
  assert.equal(Buffer.from(mappedBytes(six)).toString('hex'), '20010db8000000000000000000000001');
});

test('an address survives conversion to bytes and back, mapped or not', () => {
  for (const text of ['192.0.2.1', '0.0.0.0', '2001:db8::1', '::', 'fe80::1']) {
    const address = parseAddress(text);
    assert.equal(addressFromBytes(addressBytes(address)), address);
    assert.equal(addressFromBytes(mappedBytes(address)), address);
  }
});

test('text and bytes of any address equal those of the library', () => {
  const random = seededRandom(4);
  for (let round = 0; round < 5_000; round++) {
    // Few values, so that there are zero groups, and leading zeros, of all lengths.
    const bytes = Array.from({ length: round % 5 === 0 ? 4 : 16 }, () =>
      random.pick([0, 0, 0, 1, 0xff, random.below(256)]),
    );
    const parsed = ipaddr.fromByteArray(bytes);
    const text = parsed instanceof ipaddr.IPv6 ? parsed.toRFC5952String() : parsed.toString();
    const address = parseAddress(text);
    assert.equal(address, text);
    assert.deepEqual([...addressBytes(address)], bytes);
    assert.equal(addressFromBytes(Uint8Array.from(bytes)), unmapped(address));
  }
});

test('addresses are ordered by their bytes, not by their text', () => {
  const ordered = ['::1', '192.0.2.9', '192.0.2.10', '2001:db8::9', '2001:db8::10'].map((text) =>
    parseAddress(text),
  );
  assert.deepEqual(ordered.toReversed().sort(compareAddresses), ordered);
});

test('an IPv4-mapped IPv6 address is recognized', () => {
  for (const [text, expected] of [
    ['::ffff:192.0.2.1', true],
    ['::ffff:0:0', true],
    ['::ffff:1', false],
    ['::ffff:0:0:1', false],
    ['192.0.2.1', false],
  ] as const) {
    assert.equal(isMapped(parseAddress(text)), expected, text);
  }
});

test('a mapped address is converted to its IPv4 address on request', () => {
  const pairs = [
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:c000:201', '192.0.2.1'],
    ['::ffff:0:c000:201', '::ffff:0:c000:201'],
    ['::ffff:1', '::ffff:1'],
    ['2001:db8::1', '2001:db8::1'],
    ['192.0.2.1', '192.0.2.1'],
  ] as const;
  for (const [text, expected] of pairs) assert.equal(unmapped(parseAddress(text)), expected);
});
