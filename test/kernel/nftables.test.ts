import assert from 'node:assert/strict';
import fs from 'node:fs';
import type { KernelError } from '../../src/kernel/errno.ts';
import { Nftables } from '../../src/kernel/netfilter/nftables.ts';
import { runIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const masquerade = `
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ip saddr 192.0.2.0/24 ip daddr != 198.51.100.0/24 counter masquerade
  }
`;

function count(listing: readonly unknown[] | undefined, kind: string): number {
  return (listing ?? []).filter((item) => typeof item === 'object' && item && kind in item).length;
}

rootTest('a table is replaced as a whole, any number of times, and listed', (context) => {
  const namespace = testNamespace(context);
  using nft = Nftables.open(namespace);
  nft.replaceTable('inet', 'test', masquerade);
  nft.replaceTable('inet', 'test', masquerade);
  const listing = nft.listTable('inet', 'test');
  assert.deepEqual(
    ['table', 'chain', 'rule'].map((kind) => count(listing, kind)),
    [1, 1, 1],
  );
  assert.match(runIn(namespace, 'nft', 'list', 'ruleset'), /ip saddr 192.0.2.0\/24 .*masquerade/);
  nft.replaceTable('inet', 'test', '');
  assert.equal(count(nft.listTable('inet', 'test'), 'chain'), 0);
});

// Names come from /etc/protocols: where there is none (Debian's slim images), a listing would differ from what was written.
rootTest('protocols are listed as numbers, whatever names this machine has for them', (context) => {
  using nft = Nftables.open(testNamespace(context));
  const type = 'type inet_proto . inet_service';
  nft.replaceTable('inet', 'test', `  set s {\n    ${type}\n    elements = { tcp . 80 }\n  }`);
  const listing = JSON.stringify(nft.listTable('inet', 'test', { stateless: true }));
  assert.match(listing, /"elem":\[\{"concat":\[6,80\]\}\]/);
});

rootTest('a replacement with an error anywhere leaves the table unchanged', (context) => {
  using nft = Nftables.open(testNamespace(context));
  nft.replaceTable('inet', 'test', masquerade);
  const before = nft.listTable('inet', 'test');
  for (const wrong of [
    `${masquerade} chain other { jump nowhere }`,
    `${masquerade} nonsense`,
    `${masquerade} chain other { type nat hook nowhere priority 0; }`,
  ]) {
    assert.throws(() => nft.replaceTable('inet', 'test', wrong), {
      name: 'KernelError',
      call: 'nft replace',
      subject: 'table inet test',
    });
    assert.deepEqual(nft.listTable('inet', 'test'), before);
  }
});

rootTest('JSON commands are applied, as text or as an object', (context) => {
  using nft = Nftables.open(testNamespace(context));
  const commands = { nftables: [{ add: { table: { family: 'ip6', name: 'test' } } }] };
  nft.apply(commands);
  assert.equal(count(nft.listTable('ip6', 'test'), 'table'), 1);
  assert.equal(nft.deleteTable('ip6', 'test'), true);
  nft.apply(JSON.stringify(commands));
  assert.equal(count(nft.listTable('ip6', 'test'), 'table'), 1);
});

rootTest('errors have libnftables’ own text and a code', (context) => {
  using nft = Nftables.open(testNamespace(context));
  const failure = (commands: string | object): KernelError => {
    try {
      nft.apply(commands);
    } catch (error) {
      return error as KernelError;
    }
    throw new Error('it was not refused');
  };
  const syntax = failure('add nonsense');
  assert.equal(syntax.code, 'EINVAL');
  assert.match(syntax.detail ?? '', /^Error: syntax error, unexpected newline/);
  const missing = failure('add rule inet nowhere input accept');
  assert.equal(missing.code, 'ENOENT');
  assert.match(missing.detail ?? '', /No such file or directory/);
  const json = failure({ nftables: [{ delete: { table: { family: 'inet', name: 'nowhere' } } }] });
  assert.equal(json.code, 'ENOENT');
});

rootTest('a missing table is listed as undefined and deleted as false', (context) => {
  using nft = Nftables.open(testNamespace(context));
  assert.equal(nft.listTable('inet', 'test'), undefined);
  assert.equal(nft.deleteTable('inet', 'test'), false);
  nft.apply('add table inet test');
  assert.equal(nft.deleteTable('inet', 'test'), true);
  assert.equal(nft.listTable('inet', 'test'), undefined);
});

rootTest('a stateless listing omits the counters', (context) => {
  using nft = Nftables.open(testNamespace(context));
  nft.replaceTable('inet', 'test', masquerade);
  assert.match(JSON.stringify(nft.listTable('inet', 'test')), /"packets":0/);
  const stateless = nft.listTable('inet', 'test', { stateless: true });
  assert.doesNotMatch(JSON.stringify(stateless), /"packets"/);
});

const setWithRule = `
  set allowed {
    type ipv4_addr
    elements = { 192.0.2.1 }
  }
  chain input {
    type filter hook input priority filter;
    ip saddr @allowed accept
  }
`;
const changes: readonly (readonly [what: string, commands: string[]])[] = [
  ['an element more', ['add element inet test allowed { 192.0.2.2 }']],
  ['an element less', ['delete element inet test allowed { 192.0.2.1 }']],
  ['a rule more', ['add rule inet test input drop']],
  ['the same again', ['delete table inet test', `table inet test { ${setWithRule} }`]],
];
for (const [what, commands] of changes) {
  rootTest(
    `a stateless listing is the same object until another process changes a rule: ${what}`,
    (context) => {
      const namespace = testNamespace(context);
      using nft = Nftables.open(namespace);
      nft.replaceTable('inet', 'test', setWithRule);
      const list = () => nft.listTable('inet', 'test', { stateless: true });
      const before = list();
      assert.equal(list(), before);
      using other = Nftables.open(namespace);
      for (const command of commands) other.apply(command);
      const after = list();
      assert.notEqual(after, before);
      assert.notDeepEqual(after, before);
      assert.equal(list(), after);
      other.deleteTable('inet', 'test');
      assert.equal(list(), undefined);
    },
  );
}

rootTest('a change of another table leaves a stateless listing the same object', (context) => {
  using nft = Nftables.open(testNamespace(context));
  nft.replaceTable('inet', 'test', setWithRule);
  const before = nft.listTable('inet', 'test', { stateless: true });
  nft.apply('add table ip other');
  assert.equal(nft.listTable('inet', 'test', { stateless: true }), before);
});

rootTest('a table whose name is a keyword is listed', (context) => {
  using nft = Nftables.open(testNamespace(context));
  const table = { family: 'inet', name: 'list' };
  nft.apply({ nftables: [{ add: { table } }] });
  assert.equal(count(nft.listTable('inet', 'list'), 'table'), 1);
});

rootTest('a table is known to exceed a number of rules without a listing', (context) => {
  using nft = Nftables.open(testNamespace(context));
  nft.replaceTable('inet', 'test', `chain c {${'\n    counter'.repeat(300)}\n  }`);
  nft.replaceTable('inet', 'other', 'chain c {\n    counter\n  }');
  assert.deepEqual(
    [299, 300, 301].map((most) => nft.hasMoreRules(most, { family: 'inet', table: 'test' })),
    [true, false, false],
  );
  assert.equal(nft.hasMoreRules(1, { family: 'inet', table: 'other' }), false);
  assert.equal(nft.hasMoreRules(1, { family: 'inet', table: 'missing' }), false);
  assert.equal(count(nft.listTable('inet', 'test'), 'rule'), 300, 'the socket is used again');
});

rootTest('each instance works in its own namespace, interface names included', (context) => {
  const [one, other] = [testNamespace(context), testNamespace(context)];
  runIn(one, 'ip', 'link', 'add', 'only-here', 'type', 'bridge');
  using inOne = Nftables.open(one);
  using inOther = Nftables.open(other);
  const body = 'chain c { oif "only-here" accept; }';
  inOne.replaceTable('inet', 'test', body);
  assert.equal(inOther.listTable('inet', 'test'), undefined);
  assert.throws(() => inOther.replaceTable('inet', 'test', body), /Interface does not exist/);
});

rootTest('a hundred replacements leave no descriptor behind', (context) => {
  const namespace = testNamespace(context);
  Nftables.open(namespace)[Symbol.dispose]();
  const before = fs.readdirSync('/proc/self/fd').length;
  for (let round = 0; round < 100; round++) {
    using nft = Nftables.open(namespace);
    nft.replaceTable('inet', 'test', masquerade);
    nft.listTable('inet', 'test');
  }
  assert.equal(fs.readdirSync('/proc/self/fd').length, before);
});

rootTest('devices of chains are listed, which a listing of this version may omit', (context) => {
  const namespace = testNamespace(context);
  using nft = Nftables.open(namespace);
  runIn(namespace, 'ip', 'link', 'add', 'one', 'type', 'veth', 'peer', 'name', 'two');
  const at = (hook: string, devices: string): string =>
    `{ type filter hook ${hook} device${devices} priority 0; }`;
  nft.replaceTable(
    'netdev',
    'test',
    [
      `chain lo ${at('egress', ' lo')}`,
      `chain both ${at('ingress', 's = { one, two }')}`,
      'chain plain { }',
    ].join('\n'),
  );
  nft.replaceTable(
    'inet',
    'test',
    [
      `chain in ${at('ingress', ' two')}`,
      'chain forward { type filter hook forward priority 0; }',
    ].join('\n'),
  );
  const found = nft.listChainDevices('netdev');
  assert.deepEqual([...found.keys()], ['test lo', 'test both']);
  // In the kernel's order.
  assert.deepEqual([...found.values()].flat().sort(), ['lo', 'one', 'two']);
  assert.deepEqual([...nft.listChainDevices('inet')], [['test in', ['two']]]);
  assert.deepEqual([...nft.listChainDevices('ip')], []);
});
