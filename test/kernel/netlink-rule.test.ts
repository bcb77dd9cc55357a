import assert from 'node:assert/strict';
import {
  addRule,
  delRule,
  type ListedRule,
  listRules,
  type Rule,
} from '../../src/kernel/netlink/rule.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { runIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const cases: readonly Rule[] = [
  {
    family: 4,
    priority: 100,
    action: 'lookup',
    table: 7200,
    protocol: 72,
    mark: { value: 0x200, mask: 0xf00 },
  },
  {
    family: 4,
    priority: 101,
    action: 'lookup',
    table: 100,
    protocol: 72,
    from: parsePrefix('192.0.2.0/24'),
    to: parsePrefix('198.51.100.0/25'),
    inputInterface: 'lo',
  },
  {
    family: 6,
    priority: 102,
    action: 'unreachable',
    protocol: 72,
    from: parsePrefix('2001:db8::/32'),
  },
  {
    family: 6,
    priority: 103,
    action: 'lookup',
    table: 254,
    protocol: 72,
    outputInterface: 'veth0',
  },
];

rootTest(
  'a rule of each form is added, listed as it was set, refused twice, and deleted',
  (context) => {
    using socket = NetlinkSocket.open({ namespace: testNamespace(context) });
    const ours = (): ListedRule[] => listRules(socket).filter((rule) => rule.protocol === 72);
    for (const rule of cases) {
      addRule(socket, rule);
      assert.throws(() => addRule(socket, rule), { code: 'EEXIST', call: 'rule add' });
    }
    assert.deepEqual(ours(), cases);
    for (const rule of cases) {
      delRule(socket, rule);
      assert.throws(() => delRule(socket, rule), { code: 'ENOENT', call: 'rule delete' });
    }
    assert.deepEqual(ours(), []);
  },
);

rootTest('the kernel’s own rules are listed, by family', (context) => {
  using socket = NetlinkSocket.open({ namespace: testNamespace(context) });
  const tables = (family: 4 | 6): unknown[] =>
    listRules(socket, { family }).map(({ priority, table }) => [priority, table]);
  assert.deepEqual(tables(4), [
    [0, 255],
    [32766, 254],
    [32767, 253],
  ]);
  assert.deepEqual(tables(6), [
    [0, 255],
    [32766, 254],
  ]);
});

rootTest('a rule with an action that no other has is listed, with all others', (context) => {
  const namespace = testNamespace(context);
  using socket = NetlinkSocket.open({ namespace });
  const before = listRules(socket).length;
  runIn(namespace, 'ip', 'rule', 'add', 'from', '192.0.2.99', 'throw', 'priority', '30000');
  const found = listRules(socket);
  assert.equal(found.length, before + 1);
  assert.equal(found.find(({ priority }) => priority === 30000)?.action, 'unknown');
});
