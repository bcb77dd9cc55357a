import assert from 'node:assert/strict';
import { test } from 'node:test';
import { factOf, testFacts } from '../../../../test/support/fact-rows.ts';
import { addressOn, changed, kernel, remote4, route } from '../../../../test/support/sound-node.ts';
import type { OverlayDevice } from '../../../model/desired.ts';
import { parseAddress } from '../../../net/address.ts';

const present = parseAddress('192.0.2.11');
const missing = parseAddress('192.0.2.99');
const overlay = (end: OverlayDevice['address']): OverlayDevice => ({
  ...{ name: 'heddle_vxlan', port: 4789, vni: 1, mtuBytes: 1450, underlay: 4 },
  address: end,
});
const vxlan = { mode: 'vxlan', overlay: overlay(present) } as const;
const renumbered = {
  desired: { mode: 'vxlan', overlay: overlay(missing) },
  nodeAddresses: [missing],
} as const;
const second = { addresses: [...kernel.host.addresses, addressOn(2, '203.0.113.7')] };
const away = parseAddress('2001:db8:ffff::99');

const end = parseAddress('203.0.113.12');
const toEnd = {
  ...vxlan,
  remoteRanges: [
    { node: 'node-2', prefix: remote4, path: { kind: 'overlay', tunnelEndpoint: end } },
  ],
} as const;
const network = route('192.0.2.0/24', { protocol: 2 });

testFacts([
  ['a default route leads to the other node', 'tunnel-address', { desired: toEnd }, undefined],
  [
    'a route leads to the other node',
    'tunnel-address',
    { desired: toEnd, host: { routes: [network, route('203.0.113.0/24')] } },
    undefined,
  ],
  [
    'no route leads to the other node',
    'tunnel-address',
    { desired: toEnd, host: { routes: [network] } },
    /^problem: no route leads to the tunnel endpoints 203\.0\.113\.12: pods of these nodes cannot/,
  ],
  [
    'no route leads to the other node among the first of many',
    'tunnel-address',
    { desired: toEnd, host: { routes: [network], unreadRoutes: [4] } },
    undefined,
  ],
  [
    'a route refuses the other node',
    'tunnel-address',
    { desired: toEnd, host: { routes: [network, route('0.0.0.0/0', { type: 'unreachable' })] } },
    /^problem: no route leads to/,
  ],
  [
    'only a default route of the other family is there',
    'tunnel-address',
    { desired: toEnd, host: { routes: [network, route('::/0')] } },
    /^problem: no route leads to/,
  ],
  [
    'a table that a rule asks leads to the other node',
    'tunnel-address',
    {
      desired: toEnd,
      host: { routes: [network] },
      kernel: { policyRoutes: [route('0.0.0.0/0', { table: 100 })] },
    },
    undefined,
  ],
  ['mode vxlan, the InternalIP is there', 'tunnel-address', { desired: vxlan }, undefined],
  [
    'mode vxlan, the InternalIP that tunnels go to is missing',
    'tunnel-address',
    renumbered,
    /^problem: the Node object has InternalIP 192\.0\.2\.99, .* does not have that address: pods of other nodes cannot be reached/,
  ],
  ['the same is said once', 'exit-address', renumbered, undefined],
  [
    'it is missing, without masquerading',
    'tunnel-address',
    { ...renumbered, desired: { ...renumbered.desired, masquerade: undefined } },
    /^problem: the Node object has InternalIP 192\.0\.2\.99/,
  ],
  [
    'it is missing, and there is no other node',
    'tunnel-address',
    { ...renumbered, desired: { ...renumbered.desired, remoteRanges: [] } },
    undefined,
  ],
  [
    'an InternalIP of the family that no tunnel uses is missing',
    'tunnel-address',
    { desired: vxlan, nodeAddresses: [present, away] },
    undefined,
  ],
  [
    'an InternalIP of the family that no tunnel uses is missing',
    'exit-address',
    { desired: vxlan, nodeAddresses: [present, away] },
    /^note: the Node object has InternalIP 2001:db8:ffff::99/,
  ],
  [
    'mode native, the InternalIP is missing',
    'tunnel-address',
    { nodeAddresses: [missing] },
    undefined,
  ],
  [
    'a second address that is masqueraded',
    'tunnel-address',
    { desired: vxlan, host: second },
    undefined,
  ],
  [
    'a second address, without masquerading',
    'tunnel-address',
    { desired: { ...vxlan, masquerade: undefined }, host: second },
    /^note: masquerading is off: packets from 203\.0\.113\.7 of this node to pods of other nodes are dropped there as `spoofed tunnel`/,
  ],
  [
    'the InternalIP alone, without masquerading',
    'tunnel-address',
    { desired: { ...vxlan, masquerade: undefined } },
    undefined,
  ],
]);

test('an address of an interface without routes is not reported', () => {
  const node = changed({
    desired: { ...vxlan, masquerade: undefined },
    host: { addresses: [...kernel.host.addresses, addressOn(7, '203.0.113.7')] },
  });
  assert.deepEqual(factOf('tunnel-address').check(node), []);
});
