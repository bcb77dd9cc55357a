// A walk over the kernel's real table: wrongly translated connections of every protocol are deleted, all others stay,
// among so many that the kernel's answer arrives in many pieces.

import assert from 'node:assert/strict';
import { hostPortIndex } from '../../src/agent/connections/host-port-index.ts';
import type { TranslationRules } from '../../src/agent/connections/translation.ts';
import { type WalkResult, walkConnections } from '../../src/agent/connections/walk.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import type { LocalEndpoint } from '../../src/model/endpoint.ts';
import { parseAddress } from '../../src/net/address.ts';
import { parsePort } from '../../src/net/port.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { runIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const endpoint = {
  addresses: [parseAddress('192.0.2.2')],
  portMappings: [{ protocol: 'udp', hostPort: parsePort(5300), containerPort: parsePort(53) }],
} as unknown as LocalEndpoint;

const rules: Omit<TranslationRules, 'isNode'> = {
  masquerade: {
    sources: [parsePrefix('192.0.2.0/26'), parsePrefix('2001:db8:1::/64')],
    exempt: [parsePrefix('192.0.2.0/25'), parsePrefix('2001:db8:1::/64')],
    nodeSources: [],
  },
  hostPorts: hostPortIndex([endpoint]),
  formerPorts: hostPortIndex([]),
  formerSources: new Set(),
};

// Arguments of `conntrack -I`: source, destination, the reply's source and destination, and the protocol's words.
const udp = '-p udp --sport 4000 --dport 53';
const tcp = '-p tcp --sport 4000 --dport 443 --state ESTABLISHED -u ASSURED,SEEN_REPLY';
const sctp =
  '-p sctp --sport 4000 --dport 99 --orig-vtag 1 --reply-vtag 2 --state ESTABLISHED -u ASSURED,SEEN_REPLY';
const ping = '-p icmp --icmp-type 8 --icmp-code 0 --icmp-id 7';
const ping6 = '-p icmpv6 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 7';

const stale = [
  ...[udp, tcp, sctp, ping].map((words) => `-s 192.0.2.2 -d 203.0.113.9 ${words}`),
  ...[udp, tcp, sctp, ping6].map((words) => `-s 2001:db8:1::2 -d 2001:db8:9::9 ${words}`),
  '-s 203.0.113.9 -d 198.51.100.1 -p udp --sport 4000 --dport 5300',
];

const right = [
  `-s 192.0.2.3 -d 203.0.113.9 --src-nat 198.51.100.1 ${udp}`,
  `-s 192.0.2.4 -d 192.0.2.70 ${udp}`,
  `-s 198.51.100.1 -d 203.0.113.9 ${tcp}`,
  `-s 192.0.2.5 -d 198.51.100.1 ${tcp}`,
  // An address that belongs to the node only by a route.
  `-s 192.0.2.5 -d 233.252.0.7 ${tcp}`,
  `-s 203.0.113.9 -d 198.51.100.1 -p udp --sport 4001 --dport 5301`,
  `-s 192.0.2.6 -d 203.0.113.9 -w 9 ${udp}`,
];

rootTest(
  'wrongly translated connections of any protocol and family are removed, right ones stay',
  async (context) => {
    const namespace = testNamespace(context);
    runIn(namespace, 'ip', 'link', 'set', 'lo', 'up');
    runIn(namespace, 'ip', 'address', 'add', '198.51.100.1/32', 'dev', 'lo');
    runIn(namespace, 'ip', 'route', 'add', 'local', '233.252.0.0/24', 'dev', 'lo');
    for (const words of [...stale, ...right]) insert(namespace, words);
    for (let number = 0; number < 400; number++) {
      insert(namespace, `-s 192.0.2.7 -d 192.0.2.71 -p udp --sport ${2000 + number} --dport 53`);
    }
    const { removed, seen } = await walk(namespace);
    assert.deepEqual(Object.fromEntries(removed), {
      'not masqueraded': 8,
      'host port changed': 1,
    });
    assert.equal(seen, stale.length + right.length + 400);
    assert.equal(tracked(namespace), right.length + 400);
    assert.equal((await walk(namespace)).removed.size, 0);
  },
);

rootTest(
  'a removed connection that the other end begins again is removed, too',
  async (context) => {
    const namespace = testNamespace(context);
    insert(namespace, `-s 192.0.2.2 -d 203.0.113.9 ${udp}`);
    const { tuples } = await walk(namespace);
    insert(namespace, '-s 203.0.113.9 -d 192.0.2.2 -p udp --sport 53 --dport 4000');
    insert(namespace, '-s 203.0.113.9 -d 192.0.2.2 -p udp --sport 53 --dport 4001');
    const { removed } = await walk(namespace, tuples);
    assert.deepEqual(Object.fromEntries(removed), { reversed: 1 });
    assert.equal(tracked(namespace), 1);
  },
);

function insert(namespace: NetworkNamespace, words: string): void {
  runIn(namespace, 'conntrack', '-I', '-t', '120', ...words.split(' '));
}

function walk(
  namespace: NetworkNamespace,
  removedBefore = new Set<string>() as ReadonlySet<string>,
): Promise<WalkResult> {
  return walkConnections({ namespace, rules, removedBefore });
}

function tracked(namespace: NetworkNamespace): number {
  return Number(runIn(namespace, 'conntrack', '-C').trim());
}
