// CNI ADD waits for all entries of an endpoint in all tables. The test covers every existing table, so that a new one
// cannot omit its endpoints' entries.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { entriesOf } from '../../test/support/entries-of.ts';
import { desiredWith, watchedEndpoint } from '../../test/support/growing-node.ts';
import type { DesiredState } from '../model/desired.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import { parseAddress } from '../net/address.ts';
import type { Port } from '../net/port.ts';
import { endpointEntryKeys, endpointFailures, tableContents } from './tables.ts';

function endpoint(id: number, more: Partial<LocalEndpoint> = {}): LocalEndpoint {
  const hostIfName = `hd0123456789${id}`;
  return { ...watchedEndpoint(id, { hostIfName, onRead: () => undefined }), ...more };
}

const mapping = { protocol: 'tcp', hostPort: 8080 as Port, containerPort: 80 as Port } as const;
const endpoints: Readonly<Record<string, Partial<LocalEndpoint>>> = {
  'of both families': {},
  'with IPv4 alone': { addresses: [parseAddress('198.18.0.101')] },
  'with IPv6 alone': { addresses: [parseAddress('2001:db8:1::101')] },
  'with limits': {
    bandwidth: { ingress: { bitsPerSecond: 1_000_000 }, egress: { bitsPerSecond: 1_000_000 } },
  },
  'with host ports': { portMappings: [mapping] },
};

/** `table key` of each entry that is new or changed since the endpoint was added. */
function broughtBy(before: DesiredState, after: DesiredState): readonly string[] {
  return Object.entries(tableContents).flatMap(([table, { make }]) => {
    const had = entriesOf(make(), before);
    const has = entriesOf(make(), after);
    return [...has]
      .filter(([key, entry]) => !isDeepStrictEqual(had.get(key), entry))
      .map(([key]) => `${table} ${key}`);
  });
}

for (const [what, more] of Object.entries(endpoints)) {
  test(`a settle waits for all entries of an endpoint ${what}`, () => {
    const other = endpoint(1);
    const added = endpoint(2, more);
    const brought = broughtBy(desiredWith([other]), desiredWith([other, added]));
    const waited = endpointEntryKeys(added).map(({ table, key }) => `${table} ${key}`);
    // A refused transaction is reported under the table's own key, and the endpoint's elements are in it.
    const whole = added.portMappings === undefined ? [] : ['nft inet heddle'];
    assert.deepEqual([...waited].sort(), [...brought, ...whole].sort());
    assert.ok(waited.some((entry) => /^sysctls net\/ipv[46]\/conf\/hd01234567892\//.test(entry)));
  });
}

test('failed entries of an endpoint are reported, those of others and of the node are not', () => {
  const failure = (table: string, key: string | undefined, text: string): object => ({
    ...{ table, key, text, retryAt: 0, attempts: 1 },
  });
  const failures = [
    failure('sysctls', 'net/ipv4/conf/hd01234567892/forwarding', 'sysctl write ...: EROFS'),
    failure('sysctls', 'net/ipv4/conf/hd01234567891/forwarding', 'of another'),
    failure('sysctls', 'net/ipv4/ip_forward', 'of the node'),
    failure('routes', undefined, 'cannot be listed'),
  ] as unknown as Parameters<typeof endpointFailures>[1];
  assert.equal(endpointFailures(endpoint(2), failures), 'sysctls: sysctl write ...: EROFS');
  assert.equal(endpointFailures(endpoint(3), failures), undefined);
});
