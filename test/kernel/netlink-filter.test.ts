// tc filters at an interface: by their kinds and programs, wherever tc stores them.

import assert from 'node:assert/strict';
import { listLinkFilters } from '../../src/kernel/netlink/link-filter.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { addVeth } from '../../src/kernel/netlink/veth.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { runIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const ifIndex = 7 as IfIndex;
const classic = ['bpf', 'da', 'bytecode', '1,6 0 0 4294967295,'];
const at = (direction: string): readonly string[] => ['dev', 'veth0', direction];

const cases: readonly {
  readonly name: string;
  readonly qdisc?: readonly string[];
  readonly filters?: readonly (readonly string[])[];
  readonly ingress?: readonly string[];
  readonly egress?: readonly string[];
}[] = [
  { name: 'an interface without such a qdisc has none' },
  { name: 'an empty qdisc has none', qdisc: ['clsact'] },
  {
    name: 'a clsact qdisc has those of each direction',
    qdisc: ['clsact'],
    filters: [at('egress'), at('egress')],
    egress: ['bpf', 'bpf'],
  },
  {
    name: 'an ingress qdisc has none of egress',
    qdisc: ['ingress'],
    filters: [at('ingress')],
    ingress: ['bpf'],
  },
  {
    name: 'a shared block has its own',
    qdisc: ['ingress_block', '3', 'egress_block', '4', 'clsact'],
    filters: [['block', '3']],
    ingress: ['bpf'],
  },
];

for (const { name, qdisc, filters = [], ingress = [], egress = [] } of cases) {
  rootTest(name, (context) => {
    const namespace = testNamespace(context);
    using socket = NetlinkSocket.open({ namespace });
    addVeth(socket, { name: 'veth0', ifIndex, up: true, peer: { name: 'veth1' } });
    const tc = (...words: readonly string[]): unknown => runIn(namespace, 'tc', ...words);
    if (qdisc !== undefined) tc('qdisc', 'add', 'dev', 'veth0', ...qdisc);
    for (const where of filters) tc('filter', 'add', ...where, 'protocol', 'all', ...classic);
    const found = (['ingress', 'egress'] as const).map((direction) =>
      listLinkFilters(socket, ifIndex, direction),
    );
    const expected = [ingress, egress].map((kinds) => kinds.map((kind) => ({ kind })));
    assert.deepEqual(found, expected);
  });
}

rootTest('an interface that does not exist has no filters', (context) => {
  using socket = NetlinkSocket.open({ namespace: testNamespace(context) });
  assert.deepEqual(listLinkFilters(socket, ifIndex, 'ingress'), []);
});
