import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../net/address.ts';
import type { Port } from '../../net/port.ts';
import { askedPlace } from './asked-place.ts';

const nodePortAddresses = ['198.51.100.1', '2001:db8::1'].map((text) => parseAddress(text));

for (const [asked, meant] of [
  ['127.0.0.1', '198.51.100.1'],
  ['127.9.9.9', '198.51.100.1'],
  ['0.0.0.0', '198.51.100.1'],
  ['::1', '2001:db8::1'],
  ['::', '2001:db8::1'],
  ['10.96.0.1', '10.96.0.1'],
  ['12.7.0.1', '12.7.0.1'],
  ['fd00::1', 'fd00::1'],
] as const)
  test(`a process that connects to ${asked} means ${meant}`, () => {
    const place = { address: parseAddress(asked), port: 30_080 as Port };
    const found = askedPlace({ nodePortAddresses }, place);
    assert.deepEqual(found, { ...place, address: meant });
  });

test('without an address of the family, the place is unchanged', () => {
  const place = { address: parseAddress('::1'), port: 30_080 as Port };
  assert.equal(askedPlace({ nodePortAddresses: nodePortAddresses.slice(0, 1) }, place), place);
});
