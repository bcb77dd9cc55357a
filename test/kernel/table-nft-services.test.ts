import assert from 'node:assert/strict';
import { KeyedCollection } from '../../src/base/collections/collection.ts';
import { type ServiceRules, serviceTableContents } from '../../src/datapath/nft/services.ts';
import { nftTable } from '../../src/datapath/nft/table.ts';
import { Nftables } from '../../src/kernel/netfilter/nftables.ts';
import { serviceTableName } from '../../src/model/ids.ts';
import type { ServiceBackend } from '../../src/model/services/plan/desired-services.ts';
import { parseAddress } from '../../src/net/address.ts';
import type { Port } from '../../src/net/port.ts';
import { entriesOf } from '../support/entries-of.ts';
import { runIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';
import { applyEntries, assertContract, assertListed, place } from '../support/table-contract.ts';

const names = { name: 'service-translation', table: serviceTableName };

function desired(addresses: readonly string[], rules: Partial<ServiceRules> = {}) {
  const backends = new KeyedCollection<string, ServiceBackend>();
  for (const [index, text] of addresses.entries()) {
    const backend = {
      number: index + 1,
      address: parseAddress(text),
      port: (8000 + index) as Port,
    };
    backends.set(text, backend);
  }
  const nodeAddresses = ['198.51.100.1', '2001:db8:ffff::1'].map((text) => parseAddress(text));
  return entriesOf(serviceTableContents(), { backends, rules: { nodeAddresses, ...rules } });
}

const several = ['192.0.2.2', '192.0.2.3', '2001:db8:1::2'];
const tunnels = {
  none: undefined,
  'on its usual port': { name: 'heddle_vxlan', port: 4789 as Port },
  'on a high port': { name: 'heddle_vxlan', port: 51_000 as Port },
};

for (const [what, tunnel] of Object.entries(tunnels)) {
  rootTest(`the table of Services is written and listed as written, tunnel ${what}`, (context) => {
    const { namespace } = place(context);
    using nft = Nftables.open(namespace);
    const entries = desired(several, { tunnel });
    assertContract(nftTable(nft, names), [...entries.values()]);
    applyEntries(nftTable(nft, names), entries);
    assertListed(nftTable(nft, names), entries);
  });
}

rootTest('a changed backend is one element, and the table of the pod network stays', (context) => {
  const { namespace } = place(context);
  using nft = Nftables.open(namespace);
  runIn(namespace, 'nft', 'add table inet heddle; add chain inet heddle c');
  applyEntries(nftTable(nft, names), desired(several));
  const watched = nftTable(nft, names);
  watched.list(new Map());
  const before = nft.generation();
  applyEntries(watched, desired(['192.0.2.2', '192.0.2.9', '2001:db8:1::2']));
  assert.equal(nft.generation(), before + 1, 'one transaction');
  const listed = runIn(namespace, 'nft', 'list', 'ruleset');
  assert.match(listed, /0x00000002 : 192\.0\.2\.9 \. 8001/);
  assert.doesNotMatch(listed, /192\.0\.2\.3/);
  assert.match(listed, /table inet heddle \{/);
});

rootTest('a node without addresses hides clients behind whatever address it has', (context) => {
  const { namespace } = place(context);
  using nft = Nftables.open(namespace);
  const entries = desired(several, { nodeAddresses: [] });
  applyEntries(nftTable(nft, names), entries);
  assertListed(nftTable(nft, names), entries);
});
