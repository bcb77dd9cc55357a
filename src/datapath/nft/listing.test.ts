import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTable } from './listing.ts';

const foreignSets: readonly (readonly [type: string, element: unknown])[] = [
  ['ether_addr', 'aa:bb:cc:dd:ee:ff'],
  ['ifname', 'eth0'],
  ['ipv4_addr', { prefix: { addr: 'eth', len: 8 } }],
  ['mark', 7],
];

for (const [type, element] of foreignSets) {
  test(`a set of type ${type} that another process added is listed with an unreadable element`, () => {
    const listing = readTable('heddle', [
      { table: { family: 'inet', name: 'heddle', handle: 1 } },
      { set: { family: 'inet', table: 'heddle', name: 'other', type, handle: 2, elem: [element] } },
    ]);
    const [, set, listed] = listing.entries;
    assert.equal(set?.kind, 'set');
    assert.equal(listed !== undefined && 'isUnreadable' in listed && listed.isUnreadable, true);
  });
}
