import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CniError, cniErrorCode } from '../../cni/error.ts';
import { type Address, parseAddress } from '../../net/address.ts';
import { parsePrefix } from '../../net/prefix.ts';
import { type Allocation, allocateAddresses, type Rotation, resumeRotation } from './allocate.ts';

const ipv4 = parsePrefix('192.0.2.0/29'); // .2 to .6 are for pods
const ipv6 = parsePrefix('2001:db8:1::/64');
const ranges = [ipv6, ipv4];

/** Allocates one pod after the other, without deletions. */
function allocateMany(count: number, prefixes = ranges): Allocation[] {
  const taken = new Set<Address>();
  let rotation: Rotation = new Map();
  return Array.from({ length: count }, () => {
    const allocation = allocateAddresses({ ranges: prefixes, taken, rotation });
    for (const address of allocation.addresses) taken.add(address);
    rotation = allocation.rotation;
    return allocation;
  });
}

function assertExhausted(
  run: () => unknown,
  text: RegExp,
  code: number = cniErrorCode.noAddress,
): void {
  assert.throws(run, (error: unknown) => {
    assert.ok(error instanceof CniError);
    assert.equal(error.code, code);
    assert.match(error.message, text);
    return true;
  });
}

test('allocates one address per family, IPv4 first, after network and router address', () => {
  const [first] = allocateMany(1);
  assert.deepEqual(first?.addresses, ['192.0.2.2', '2001:db8:1::2']);
});

test('allocates one address on a node with ranges of one family', () => {
  assert.deepEqual(allocateMany(1, [ipv6])[0]?.addresses, ['2001:db8:1::2']);
  assert.deepEqual(allocateMany(1, [ipv4])[0]?.addresses, ['192.0.2.2']);
});

test('never allocates network, router or broadcast address, and names the range when it is full', () => {
  const given = allocateMany(5, [ipv4]).flatMap(({ addresses }) => addresses);
  assert.deepEqual(
    given,
    ['2', '3', '4', '5', '6'].map((last) => `192.0.2.${last}`),
  );
  assertExhausted(
    () => allocateMany(6, [ipv4]),
    /IPv4 address: none is free in 192.0.2.0\/29 \(5 for/,
  );
});

test('does not reuse a freed address while others are free', () => {
  let rotation: Rotation = new Map();
  const given = Array.from({ length: 7 }, () => {
    const allocation = allocateAddresses({ ranges: [ipv4], taken: new Set(), rotation });
    rotation = allocation.rotation;
    return allocation.addresses[0];
  });
  assert.deepEqual(
    given,
    ['2', '3', '4', '5', '6', '2', '3'].map((last) => `192.0.2.${last}`),
  );
});

test('finds the only free address, wherever the rotation is', () => {
  const taken = new Set(['2', '3', '5', '6'].map((last) => parseAddress(`192.0.2.${last}`)));
  for (const offset of [2n, 3n, 4n, 5n, 6n, 7n, 100n, 0n]) {
    const rotation = new Map([[ipv4, offset]]);
    assert.deepEqual(allocateAddresses({ ranges: [ipv4], taken, rotation }).addresses, [
      '192.0.2.4',
    ]);
  }
});

test('continues with the next range of a family when the first is full', () => {
  const second = parsePrefix('198.51.100.0/24');
  const given = allocateMany(7, [ipv4, second]).flatMap(({ addresses }) => addresses);
  assert.deepEqual(given.slice(5), ['198.51.100.2', '198.51.100.3']);
});

test('allocates nothing from a range that is too small for pods', () => {
  for (const text of ['192.0.2.4/30', '192.0.2.4/31', '192.0.2.4/32', '2001:db8::/127']) {
    const range = parsePrefix(text);
    const usable = text === '192.0.2.4/30' ? 1 : 0;
    assertExhausted(
      () => allocateMany(usable + 1, [range]),
      new RegExp(`${text} \\(${usable} for pods\\)`),
    );
  }
});

test('allocates nothing if one family is exhausted', () => {
  const rotation: Rotation = new Map();
  const taken = new Set(allocateMany(5).flatMap(({ addresses }) => addresses));
  assertExhausted(() => allocateAddresses({ ranges, taken, rotation }), /IPv4/);
  assert.equal(rotation.size, 0);
});

test('reports that the node has no ranges', () => {
  const none = () => allocateMany(1, []);
  assertExhausted(none, /this node has no pod ranges/, cniErrorCode.tryLater);
});

test('continues after the newest address after a restart', () => {
  const addresses = ['192.0.2.5', '2001:db8:1::9', '192.0.2.3', '203.0.113.9'].map((text) =>
    parseAddress(text),
  );
  const rotation = resumeRotation(ranges, addresses);
  const taken = new Set(addresses);
  const next = allocateAddresses({ ranges, taken, rotation });
  assert.deepEqual(next.addresses, ['192.0.2.4', '2001:db8:1::a']);
});

const other = parsePrefix('198.51.100.0/24');
const addressesOf = (...texts: string[]) => texts.map((text) => parseAddress(text));
const empty = { taken: new Set<Address>(), rotation: new Map() };

const coolingUntil = (times: Readonly<Record<string, number>>) => ({
  freeAtMs: (address: Address) => times[address],
});

test('skips addresses in cooldown while others are free', () => {
  const cooling = coolingUntil({ '192.0.2.2': 9, '192.0.2.4': 5 });
  const input = { ...empty, ranges: [ipv4], cooling };
  assert.deepEqual(allocateAddresses(input).addresses, ['192.0.2.3']);
});

test('allocates the address with the longest cooldown if no other is free, per family and over all ranges', () => {
  const small = parsePrefix('2001:db8:1::/126');
  const cooling = coolingUntil({
    '192.0.2.2': 900,
    '192.0.2.4': 500,
    '198.51.100.2': 400,
    '2001:db8:1::2': 300,
    '2001:db8:1::3': 200,
  });
  const input = { ...empty, ranges: [ipv4, parsePrefix('198.51.100.0/30'), small], cooling };
  const taken = new Set(addressesOf('192.0.2.3', '192.0.2.5', '192.0.2.6'));
  assert.deepEqual(allocateAddresses({ ...input, taken }).addresses, [
    '198.51.100.2',
    '2001:db8:1::3',
  ]);
  const excluded = [parsePrefix('198.51.100.0/24')];
  const reserved = [parsePrefix('192.0.2.4/32')];
  const bound = { ...input, taken, excluded, reserved };
  assert.deepEqual(allocateAddresses(bound).addresses, ['192.0.2.2', '2001:db8:1::3']);
  for (const address of addressesOf('192.0.2.2', '192.0.2.4')) taken.add(address);
  assertExhausted(
    () => allocateAddresses(bound),
    /none is free in 192.0.2.0\/29 \(5 for pods\), 198/,
  );
});

test('253 pods added and deleted within seconds leave an address for the next', () => {
  const range = parsePrefix('192.0.2.0/24');
  const times: Record<string, number> = {};
  let rotation: Rotation = new Map();
  for (let pod = 0; pod < 253; pod++) {
    const input = { ...empty, ranges: [range], rotation, cooling: coolingUntil(times) };
    const given = allocateAddresses(input);
    rotation = given.rotation;
    times[given.addresses[0] ?? ''] = 30_000 + pod;
  }
  const input = { ...empty, ranges: [range], rotation, cooling: coolingUntil(times) };
  assert.deepEqual(allocateAddresses(input).addresses, ['192.0.2.2']);
});

const blocks = ['192.0.2.0/30', '192.0.2.5/32', '2001:db8:1::/65', '203.0.113.0/24'];

for (const key of ['reserved', 'excluded'] as const) {
  test(`allocates nothing from ${key} unless requested, however large it is`, () => {
    const input = { ...empty, ranges, [key]: blocks.map((text) => parsePrefix(text)) };
    const [four, six] = allocateAddresses(input).addresses;
    assert.deepEqual([four, six], ['192.0.2.4', '2001:db8:1:0:8000::']);
    const rotation = new Map([[ipv4, 4n]]);
    assert.equal(allocateAddresses({ ...input, rotation }).addresses[0], '192.0.2.6');
    const all = ['192.0.0.0/16'].map((text) => parsePrefix(text));
    assertExhausted(() => allocateAddresses({ ...input, [key]: all }), /none is free in 192.0.2.0/);
  });
}

test('allocates the requested addresses and chooses the other family', () => {
  const input = {
    ...empty,
    ranges: [...ranges, other],
    reserved: [parsePrefix('192.0.2.4/30')],
    cooling: coolingUntil({ '192.0.2.6': 1 }),
  };
  const given = (...fixed: string[]) =>
    allocateAddresses({ ...input, fixed: addressesOf(...fixed) });
  assert.deepEqual(given('192.0.2.6').addresses, ['192.0.2.6', '2001:db8:1::2']);
  assert.deepEqual(given('198.51.100.9').addresses, ['198.51.100.9', '2001:db8:1::2']);
  const both = given('2001:db8:1::9', '192.0.2.5');
  assert.deepEqual(both.addresses, ['192.0.2.5', '2001:db8:1::9']);
  assert.equal(both.rotation.size, 0, 'the rotation stays where it was');
});

const refusals: readonly [string, keyof typeof cniErrorCode, RegExp][] = [
  ['203.0.113.9', 'invalidConfiguration', /in no pod range of this node \(192.0.2.0\/29\)$/],
  ['2001:db8:1::9', 'invalidConfiguration', /in no pod range .*it has no IPv6 ranges/],
  ['192.0.2.0', 'invalidConfiguration', /cannot be used by a pod in 192.0.2.0\/29/],
  ['192.0.2.1', 'invalidConfiguration', /the network, node or broadcast address/],
  ['192.0.2.7', 'invalidConfiguration', /cannot be used by a pod in/],
  ['192.0.2.3', 'invalidConfiguration', /is in 192.0.2.3\/32 of ipam.excludedCidrs/],
  ['192.0.2.4', 'tryLater', /fixed address 192.0.2.4: another pod on this node has this address/],
];

for (const [text, code, rule] of refusals) {
  test(`refuses the fixed address ${text} with ${code}`, () => {
    const taken = new Set(addressesOf('192.0.2.4'));
    const excluded = [parsePrefix('192.0.2.3/32')];
    const fixed = addressesOf(text);
    assertExhausted(
      () => allocateAddresses({ ranges: [ipv4], taken, excluded, rotation: new Map(), fixed }),
      rule,
      cniErrorCode[code],
    );
  });
}
