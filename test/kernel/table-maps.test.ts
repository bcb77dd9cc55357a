import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import {
  type Endpoint,
  type Location,
  locationKind,
  maps,
  routeKind,
} from '../../src/datapath/generated.ts';
import { addressMapTable } from '../../src/datapath/maps/addresses.ts';
import { endpointMapTable } from '../../src/datapath/maps/endpoints.ts';
import { routeMapTable } from '../../src/datapath/maps/routes.ts';
import { BpfMap } from '../../src/kernel/bpf/map.ts';
import { parseAddress } from '../../src/net/address.ts';
import { rootTest } from '../support/root-test.ts';
import { assertContract, podMac } from '../support/table-contract.ts';

function testMap<K, V>(
  context: TestContext,
  spec: Parameters<typeof BpfMap.create<K, V>>[0],
): BpfMap<K, V> {
  const noPreallocation = 1;
  const map = BpfMap.create({ ...spec, maxEntries: 4 }, { flags: noPreallocation });
  context.after(() => map[Symbol.dispose]());
  return map;
}

rootTest('map endpoints stores and returns its entries', (context) => {
  const map = testMap(context, maps.endpoints);
  const value: Endpoint = {
    ipv4: parseAddress('192.0.2.5'),
    ipv6: parseAddress('::'),
    mac: podMac,
    id: 1,
    queue: 9,
  };
  const entries = [1, 2].map((ifindex) => ({ key: { ifindex }, value: { ...value, id: ifindex } }));
  assertContract(endpointMapTable(map), entries);
});

rootTest('map addresses shows tampering and names the entries it has no room for', (context) => {
  const map = testMap(context, maps.addresses);
  const table = addressMapTable(map);
  const location: Location = { kind: locationKind.endpoint, ifindex: 7, endpointId: 1, queued: 0 };
  const entries = ['192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2'].map((text) => ({
    key: parseAddress(text),
    value: location,
  }));
  assertContract(table, entries);
  table.set(entries);
  map.set(parseAddress('192.0.2.1'), { ...location, ifindex: 8 });
  map.delete(parseAddress('192.0.2.2'));
  const listed = table.list(new Map());
  assert.equal(listed.size, 3);
  assert.equal(listed.get('192.0.2.1')?.value.ifindex, 8);
  assert.deepEqual(table.set(entries), []);
  const more = [...entries, { key: parseAddress('192.0.2.9'), value: location }];
  assert.deepEqual(
    table.set(more).map(({ key, error }) => [key, error.message]),
    [
      [
        '192.0.2.9',
        'bpf map update addresses: E2BIG (the map is full: 4 entries): raise addressEntries in the configuration',
      ],
    ],
  );
});

rootTest('map routes stores prefixes of both families under their usual names', (context) => {
  const table = routeMapTable(testMap(context, maps.routes));
  const value = {
    kind: routeKind.native,
    ifindex: 7,
    nextHop: parseAddress('198.51.100.2'),
    mtu: 1500,
    vni: 0,
    otherIfindex: [21, 0, 0] as const,
  };
  const entries = [
    { key: { prefixLength: 96 + 26, address: parseAddress('192.0.2.64') }, value },
    { key: { prefixLength: 64, address: parseAddress('2001:db8:2::') }, value },
  ];
  assert.deepEqual(entries.map(table.key), ['192.0.2.64/26', '2001:db8:2::/64']);
  assertContract(table, entries);
});
