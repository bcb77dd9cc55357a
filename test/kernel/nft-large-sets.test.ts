// Blocklists of other software: their elements are neither read nor searched, everything beside them is.

import assert from 'node:assert/strict';
import {
  ForeignRules,
  type RuleListing,
} from '../../src/agent/node-facts/observed/foreign-rules.ts';
import { walk } from '../../src/agent/node-facts/rules/packet-walk.ts';
import type { RuleSet } from '../../src/agent/node-facts/rules/rule-set.ts';
import { countElements, listSets, type NftSet } from '../../src/kernel/netfilter/nft-sets.ts';
import { Nftables } from '../../src/kernel/netfilter/nftables.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { parseAddress } from '../../src/net/address.ts';
import { testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const elements = 50_000;
const addresses = Array.from(
  { length: elements },
  (_, index) => `20.${index >> 16}.${(index >> 8) & 0xff}.${index & 0xff}`,
);
const blocklist = `
  set blocklist {
    type ipv4_addr
    flags timeout
    elements = { ${addresses.map((address) => `${address} timeout 4h`).join(', ')} }
  }`;
const small = `
  set few {
    type ipv4_addr
    elements = { 192.0.2.1, 192.0.2.2 }
  }
  map verdicts {
    type ipv4_addr : verdict
    elements = { 192.0.2.3 : drop }
  }`;
const chain = `
  chain c {
    type filter hook forward priority 0
    ip saddr @few drop
    ip saddr vmap @verdicts
    ip saddr { 192.0.2.4, 192.0.2.5 } drop
    ip saddr 203.0.113.0/24 ip daddr @blocklist drop
  }`;

rootTest('elements of a blocklist are not read, those of small sets beside it are', (context) => {
  using nft = Nftables.open(testNamespace(context));
  nft.replaceTable('ip', 'crowdsec', `${blocklist}${small}${chain}`);
  nft.replaceTable('ip', 'other', 'chain c {\n    type filter hook forward priority 0\n  }');
  const { recorded, calls } = recording(nft);
  const [rules] = new ForeignRules(recorded).look();
  assert.deepEqual(calls, ['listTerse', 'listSet few', 'listSet verdicts', 'listTable other']);
  const outcomes = ['192.0.2.1', '192.0.2.3', '192.0.2.4', '192.0.2.9', '203.0.113.1'];
  assert.deepEqual(
    outcomes.map((source) => walked(rules, source)),
    [
      'drops by rule 1',
      'drops by rule 2',
      'drops by rule 3',
      'passes by ',
      'may drop by rule 4: ip saddr 203.0.113.0/24 ip daddr @blocklist drop',
    ],
  );
});

rootTest('a set within a rule that is too large is found before it is listed', (context) => {
  using nft = Nftables.open(testNamespace(context));
  const body = `chain c {
    type filter hook forward priority 0
    ip saddr { ${addresses.slice(0, 20_000).join(', ')} } drop
  }`;
  nft.replaceTable('ip', 'direct', body);
  const { recorded, calls } = recording(nft);
  const [rules] = new ForeignRules(recorded).look();
  assert.deepEqual(calls, []);
  assert.equal(rules?.tooLarge, 'rules with more than 10000 values');
});

rootTest('sets are counted no further than asked for', (context) => {
  const namespace = testNamespace(context);
  using nft = Nftables.open(namespace);
  nft.replaceTable('ip', 'crowdsec', `${blocklist}${small}${chain}`);
  using socket = NetlinkSocket.open({ namespace, family: 'netfilter' });
  const { sets, isWhole } = listSets(socket, 10);
  assert.equal(isWhole, true);
  assert.equal(listSets(socket, 2).isWhole, false);
  const kinds = ({ name, isMap, isAnonymous }: NftSet): string =>
    `${name}${isMap ? ' map' : ''}${isAnonymous ? ' anonymous' : ''}`;
  assert.deepEqual(sets.map(kinds), ['blocklist', 'few', 'verdicts map', '__set0 anonymous']);
  const [large, few] = sets;
  assert.ok(large !== undefined && few !== undefined);
  assert.equal(countElements(socket, large, elements), elements);
  const counted = countElements(socket, large, 10_000);
  assert.ok(counted > 10_000 && counted < 12_000, `${counted} elements`);
  assert.equal(countElements(socket, few, 10_000), 2);
});

interface Recording {
  readonly recorded: RuleListing;
  readonly calls: readonly string[];
}

function recording(nft: Nftables): Recording {
  const calls: string[] = [];
  const recorded: RuleListing = {
    generation: () => nft.generation(),
    hasMoreRules: (most, of) => nft.hasMoreRules(most, of),
    listChains: () => nft.listChains(),
    listChainDevices: (family) => nft.listChainDevices(family),
    listSets: (most, of) => nft.listSets(most, of),
    countElements: (set, most) => nft.countElements(set, most),
    listXtables: (family, table) => nft.listXtables(family, table),
    listTable: (family, table) => {
      calls.push(`listTable ${table}`);
      return nft.listTable(family, table);
    },
    listTerse: () => {
      calls.push('listTerse');
      return nft.listTerse();
    },
    listSet: (set) => {
      calls.push(`listSet ${set.name}`);
      return nft.listSet(set);
    },
  };
  return { recorded, calls };
}

function walked(rules: RuleSet | undefined, source: string): string {
  const base = rules?.chains.get('c');
  assert.ok(rules !== undefined && base !== undefined);
  const { kind, by, rule } = walk(rules, base, {
    source: parseAddress(source),
    destination: parseAddress('198.51.100.1'),
    protocol: 'udp',
    sourcePort: 1,
    destinationPort: 2,
    state: 'new',
  });
  return `${kind} by ${by}${rule === undefined ? '' : `: ${rule}`}`;
}
