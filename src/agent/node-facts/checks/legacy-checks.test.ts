import assert from 'node:assert/strict';
import { test } from 'node:test';
import { factOf, testFacts } from '../../../../test/support/fact-rows.ts';
import { changed } from '../../../../test/support/sound-node.ts';

const none = { read: [], unread: [], trouble: undefined };

testFacts([
  [
    'iptables-legacy that cannot be read',
    'iptables-legacy',
    {
      kernel: {
        legacyTables: {
          ...none,
          unread: ['ip filter', 'ip6 raw'],
          trouble: 'iptables-legacy-save is not installed where the agent runs',
        },
      },
    },
    /^note: iptables-legacy is in use \(ip filter, ip6 raw\) but its rules cannot be read: iptables-legacy-save is not installed .*; they may drop/,
  ],
  ['no table of iptables-legacy', 'iptables-legacy', { kernel: { legacyTables: none } }, undefined],
]);

test('readable rules of iptables-legacy are worth a note, empty tables are not', () => {
  const read = [
    { name: 'ip filter', rules: 3 },
    { name: 'ip raw', rules: 0 },
  ];
  const node = changed({ kernel: { legacyTables: { ...none, read } } });
  const { check, describe } = factOf('iptables-legacy');
  assert.deepEqual(check(node), []);
  assert.match(describe?.(node) ?? '', /^iptables-legacy has rules \(3 in ip filter\); they/);
});
