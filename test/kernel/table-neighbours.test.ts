import assert from 'node:assert/strict';
import { neighbourTable } from '../../src/datapath/host/neighbours.ts';
import { parseAddress } from '../../src/net/address.ts';
import { rootTest } from '../support/root-test.ts';
import { assertListed, place, podMac, up0 } from '../support/table-contract.ts';

const neighbours = ['192.0.2.5', '2001:db8:1::5'].map((address) => ({
  ifIndex: up0,
  address: parseAddress(address),
  mac: podMac,
}));

rootTest('neighbours are set, listed and deleted, and tampering is visible', (context) => {
  const { socket, ip } = place(context);
  const table = neighbourTable(socket);
  const desired = new Map(neighbours.map((entry) => [table.key(entry), entry]));
  for (let round = 0; round < 2; round++) assert.deepEqual(table.set(neighbours), []);
  assertListed(table, desired);
  ip(
    'neigh',
    'replace',
    '192.0.2.5',
    'lladdr',
    '02:00:5e:10:00:99',
    'dev',
    'up0',
    'nud',
    'permanent',
  );
  ip('neigh', 'delete', '2001:db8:1::5', 'dev', 'up0');
  const [first] = table.list(desired).values();
  assert.equal(first?.mac, '02:00:5e:10:00:99');
  assert.equal(table.list(desired).size, 1);
  for (let round = 0; round < 2; round++) assert.deepEqual(table.delete(neighbours), []);
  assert.equal(table.list(desired).size, 0);
});

rootTest(
  "neighbours learnt by the kernel and those of other programs are not heddle's",
  (context) => {
    const { socket, ip } = place(context);
    const table = neighbourTable(socket);
    ip('neigh', 'add', '198.51.100.9', 'lladdr', '02:00:5e:10:00:09', 'dev', 'up0', 'nud', 'stale');
    ip(
      'neigh',
      'add',
      '198.51.100.8',
      'lladdr',
      '02:00:5e:10:00:08',
      'dev',
      'far0',
      'nud',
      'permanent',
    );
    const desired = new Map(neighbours.map((entry) => [table.key(entry), entry]));
    table.set(neighbours);
    assertListed(table, desired);
  },
);
