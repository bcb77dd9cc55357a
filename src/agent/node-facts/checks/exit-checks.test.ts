import assert from 'node:assert/strict';
import { test } from 'node:test';
import { factOf, testFacts } from '../../../../test/support/fact-rows.ts';
import {
  addressOn,
  changed,
  kernel,
  link,
  links,
  pod4,
  route,
} from '../../../../test/support/sound-node.ts';
import { parseAddress } from '../../../net/address.ts';
import type { IfIndex } from '../../../net/if-index.ts';

testFacts([
  [
    'an InternalIP that the node does not have',
    'exit-address',
    { nodeAddresses: [parseAddress('203.0.113.7')] },
    /^note: .* InternalIP 203\.0\.113\.7, .* leave by eth0 as 192\.0\.2\.11/,
  ],
  [
    'a way out without an address',
    'exit-address',
    {
      host: { addresses: [] },
      desired: { masquerade: { sources: [pod4], exempt: [], nodeSources: [] } },
      nodeAddresses: [],
    },
    /^problem: eth0 leads out .* no IPv4 address/,
  ],
  [
    'nothing masqueraded',
    'exit-address',
    { desired: { masquerade: undefined }, nodeAddresses: [] },
    undefined,
  ],
]);

test('a source address other than the InternalIP is named', () => {
  const wg0 = 8 as IfIndex;
  const node = changed({
    host: {
      links: [...links, link(8, 'wg0', { noArp: true })],
      addresses: [...kernel.host.addresses, addressOn(8, '203.0.113.2')],
      routes: [...kernel.host.routes, route('203.0.113.0/24', { ifIndex: wg0 })],
    },
  });
  assert.equal(
    factOf('exit-address').describe?.(node),
    'pods leave by eth0 as 192.0.2.11, wg0 as 203.0.113.2',
  );
});
