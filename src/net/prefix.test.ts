import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from './address.ts';
import {
  addressAt,
  hostPrefix,
  makePrefix,
  parsePrefix,
  prefixAddress,
  prefixContains,
  prefixesOverlap,
  prefixFamily,
  prefixHalves,
  prefixLength,
  prefixOf,
} from './prefix.ts';

test('host bits are cleared, so that equal prefixes are equal text', () => {
  const cases: [string, string][] = [
    ['198.51.100.7/24', '198.51.100.0/24'],
    ['198.51.100.255/25', '198.51.100.128/25'],
    ['198.51.100.7/32', '198.51.100.7/32'],
    ['198.51.100.7/0', '0.0.0.0/0'],
    ['2001:db8:0:1::2/64', '2001:db8:0:1::/64'],
    ['2001:db8::ffff/127', '2001:db8::fffe/127'],
    ['::/0', '::/0'],
  ];
  for (const [text, prefix] of cases) assert.equal(parsePrefix(text), prefix);
});

test('text that is not a prefix is refused with its value', () => {
  const wrong = [
    '',
    '198.51.100.0',
    '198.51.100.0/33',
    '2001:db8::/129',
    '198.51.100.0/',
    '/24',
    'x/24',
    '198.51.100.0/24/1',
    '198.51.100.0/-1',
    '198.51.100.0/ 4',
  ];
  for (const text of wrong)
    assert.throws(() => parsePrefix(text, 'Node node-1', 'spec.podCIDRs[0]'), {
      name: 'InputError',
      message: `Node node-1: spec.podCIDRs[0]: ${text || '""'} is not a CIDR prefix (address/length)`,
    });
});

test('a prefix of IPv4-mapped addresses is refused, not treated as IPv4', () => {
  assert.throws(() => parsePrefix('::ffff:198.51.100.0/120'), { name: 'InputError' });
});

test('masking keeps the family: a route of IPv4-mapped addresses is an IPv6 route', () => {
  const mapped = parseAddress('::ffff:198.51.100.7');
  assert.equal(makePrefix(mapped, 96), '::ffff:0:0/96');
  assert.equal(prefixContains(makePrefix(mapped, 96), mapped), true);
  assert.equal(prefixContains(parsePrefix('198.51.100.0/24'), mapped), false);
  assert.equal(prefixesOverlap(makePrefix(mapped, 96), parsePrefix('2001:db8::/64')), false);
  assert.equal(prefixesOverlap(makePrefix(mapped, 96), parsePrefix('::/0')), true);
  assert.equal(addressAt(makePrefix(mapped, 120), 9n), '::ffff:c633:6409');
});

test('text of another program is a prefix or undefined', () => {
  const cases: [string, number, string | undefined][] = [
    ['::ffff:0.0.0.0', 96, '::ffff:0:0/96'],
    ['198.51.100.7', 24, '198.51.100.0/24'],
    ['198.51.100.7', 33, undefined],
    ['2001:db8::', 129, undefined],
    ['2001:db8::', -1, undefined],
    ['2001:db8::', 1.5, undefined],
    ['2001:db8::', Number.NaN, undefined],
    ['eth0', 24, undefined],
  ];
  for (const [text, length, prefix] of cases) assert.equal(prefixOf(text, length), prefix, text);
});

test('a prefix returns its parts', () => {
  const six = parsePrefix('2001:db8:0:1::/64');
  assert.equal(prefixAddress(six), '2001:db8:0:1::');
  assert.equal(prefixLength(six), 64);
  assert.equal(prefixFamily(six), 6);
  assert.equal(prefixFamily(parsePrefix('198.51.100.0/24')), 4);
});

test('the host prefix contains one address', () => {
  assert.equal(hostPrefix(parseAddress('198.51.100.7')), '198.51.100.7/32');
  assert.equal(hostPrefix(parseAddress('2001:db8::7')), '2001:db8::7/128');
});

test('a prefix contains its own addresses and none of the other family', () => {
  const cases: [string, string, boolean][] = [
    ['198.51.100.0/24', '198.51.100.0', true],
    ['198.51.100.0/24', '198.51.100.255', true],
    ['198.51.100.0/24', '198.51.101.0', false],
    ['0.0.0.0/0', '203.0.113.1', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['2001:db8::/127', '2001:db8::1', true],
    ['2001:db8::/127', '2001:db8::2', false],
  ];
  for (const [prefix, address, inside] of cases)
    assert.equal(
      prefixContains(parsePrefix(prefix), parseAddress(address)),
      inside,
      `${prefix} ${address}`,
    );
});

test('addresses are counted from the network address to the end of the prefix', () => {
  const cases: [string, bigint, string | undefined][] = [
    ['198.51.100.0/24', 0n, '198.51.100.0'],
    ['198.51.100.0/24', 255n, '198.51.100.255'],
    ['198.51.100.0/24', 256n, undefined],
    ['198.51.0.0/16', 256n, '198.51.1.0'],
    ['198.51.100.7/32', 0n, '198.51.100.7'],
    ['198.51.100.7/32', 1n, undefined],
    ['198.51.100.0/24', -1n, undefined],
    ['2001:db8::/64', 0x1_0000_0000n, '2001:db8::1:0:0'],
    ['2001:db8::/64', 1n << 64n, undefined],
  ];
  for (const [prefix, offset, address] of cases)
    assert.equal(addressAt(parsePrefix(prefix), offset), address, `${prefix} + ${offset}`);
});

test('a prefix has two halves, a single address none', () => {
  const cases: [string, string[]][] = [
    ['198.51.100.0/24', ['198.51.100.0/25', '198.51.100.128/25']],
    ['198.51.100.6/31', ['198.51.100.6/32', '198.51.100.7/32']],
    ['0.0.0.0/0', ['0.0.0.0/1', '128.0.0.0/1']],
    ['::/0', ['::/1', '8000::/1']],
    ['2001:db8::/32', ['2001:db8::/33', '2001:db8:8000::/33']],
    ['198.51.100.7/32', []],
    ['2001:db8::1/128', []],
  ];
  for (const [text, halves] of cases) assert.deepEqual(prefixHalves(parsePrefix(text)), halves);
});
