import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import type { EndpointId, LocalEndpoint } from '../../model/endpoint.ts';
import { type Address, parseAddress } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { parseMac } from '../../net/mac.ts';
import { fateOf, type RecordFate } from '../record-fate.ts';
import { type KernelRecords, recoveredText, recoverLost } from './lost-records.ts';
import { hostIfNameOf } from './record.ts';
import { EndpointStore } from './store.ts';

const root = mkdtempSync(path.join(tmpdir(), 'heddle-lost-'));
after(() => rmSync(root, { recursive: true }));

function endpoint(number: number, more: Partial<LocalEndpoint> = {}): LocalEndpoint {
  const attachment = { containerId: `container-${number}`, ifName: 'eth0' };
  return {
    ...attachment,
    id: number as EndpointId,
    namespacePath: `/run/netns/no-such-${number}`,
    hostIfName: hostIfNameOf(attachment),
    hostIfIndex: (10 + number) as IfIndex,
    mac: parseMac(`02:00:5e:10:00:0${number}`),
    addresses: [parseAddress(`192.0.2.${number}`)],
    mtuBytes: 1500,
    createdAt: '2026-11-21T12:00:00.000Z',
    ...more,
  };
}

const [one, two] = [endpoint(1), endpoint(2)];
const unknownNames = {
  containerId: 'unknown',
  namespacePath: '/unknown',
  isRecovered: true,
} as const;

/** A kernel with these interfaces by name. */
function kernelOf(...known: readonly LocalEndpoint[]): KernelRecords {
  const none = parseAddress('::');
  const entryOf = ({ mac, addresses }: LocalEndpoint): ReturnType<KernelRecords['entry']> => {
    const [ipv4 = none] = addresses;
    return { mac, ipv4, ipv6: none };
  };
  return {
    recover: (name) => {
      const record = known.find(({ hostIfName }) => hostIfName === name);
      // A rebuilt record would contain only the kernel's state.
      return record && { ...record, ...unknownNames };
    },
    entry: (ifIndex) => {
      const found = known.find(({ hostIfIndex }) => hostIfIndex === ifIndex);
      return found && entryOf(found);
    },
  };
}

function storeOf(...records: readonly LocalEndpoint[]): EndpointStore {
  const store = EndpointStore.open(mkdtempSync(path.join(root, 'state-')), 8);
  for (const record of records) store.restore(record);
  return store;
}

test("an interface without a record gets one from the kernel's state", () => {
  const store = storeOf(one);
  const names = [one.hostIfName, two.hostIfName, 'hd00000000000'];
  recoverLost(store, names, kernelOf(one, two));
  assert.deepEqual(store.list(), [one, { ...two, ...unknownNames }]);
  assert.match(
    recoveredText(two),
    new RegExp(`${two.hostIfName} was lost and has been rebuilt.*host ports`),
  );
});

const taken: readonly { readonly what: string; readonly more: Partial<LocalEndpoint> }[] = [
  { what: 'address', more: { addresses: one.addresses } },
  { what: 'id', more: { id: one.id } },
];

for (const { what, more } of taken) {
  test(`a record from a restored backup without its interface keeps no ${what} from another`, () => {
    const store = storeOf(one);
    const served = endpoint(2, more);
    recoverLost(store, [two.hostIfName], kernelOf(served));
    assert.deepEqual(store.get(two.hostIfName), { ...served, ...unknownNames });
  });

  test(`an interface whose ${what} is in another record gets none`, () => {
    const store = storeOf(one);
    const names = [one.hostIfName, two.hostIfName];
    recoverLost(store, names, kernelOf(endpoint(2, more)));
    assert.deepEqual(store.list(), [one]);
  });
}

const moved = endpoint(1, { hostIfIndex: 99 as IfIndex });
const readdressed = endpoint(1, { addresses: [parseAddress('192.0.2.9') as Address] });

const fates: readonly {
  readonly name: string;
  readonly record: LocalEndpoint;
  /** Of the interface with that name. */
  readonly ifIndex?: number;
  readonly kernel: KernelRecords;
  readonly live?: readonly LocalEndpoint[];
  readonly fate: Partial<RecordFate> & { readonly kind: RecordFate['kind'] };
}[] = [
  {
    name: 'agrees with the kernel',
    ...{ record: one, ifIndex: 11, kernel: kernelOf(one) },
    fate: { kind: 'live', endpoint: one },
  },
  {
    name: 'is all that is known',
    ...{ record: one, ifIndex: 11, kernel: kernelOf() },
    fate: { kind: 'live', endpoint: one },
  },
  {
    name: 'has another index',
    ...{ record: one, ifIndex: 99, kernel: kernelOf(moved) },
    fate: { kind: 'live', endpoint: moved },
  },
  {
    name: 'has another address',
    ...{ record: one, ifIndex: 11, kernel: kernelOf(readdressed) },
    fate: { kind: 'live', endpoint: readdressed },
  },
  {
    name: 'has another index, and the kernel knows nothing of the new one',
    ...{ record: one, ifIndex: 99, kernel: kernelOf() },
    fate: { kind: 'stale', what: 'has index 99 instead of 11' },
  },
  {
    name: 'has an address that the kernel says is of another',
    ...{ record: one, ifIndex: 11, kernel: kernelOf(endpoint(1, { addresses: two.addresses })) },
    fate: { kind: 'stale', what: 'has different addresses than the record' },
  },
  {
    name: 'claims the address of one that was adopted before',
    ...{
      record: one,
      ifIndex: 11,
      kernel: kernelOf(),
      live: [endpoint(2, { addresses: one.addresses })],
    },
    fate: { kind: 'stale', what: `has an address of ${two.hostIfName} in its record` },
  },
  {
    name: 'has neither interface nor namespace',
    ...{ record: one, kernel: kernelOf() },
    fate: { kind: 'forgotten' },
  },
  {
    name: 'has a namespace without the interface',
    ...{ record: endpoint(1, { namespacePath: '/proc/self/ns/net' }), kernel: kernelOf() },
    fate: { kind: 'stale', what: 'is missing' },
  },
];

for (const { name, record, ifIndex, kernel, live = [], fate } of fates) {
  test(`a record that ${name} is ${fate.kind}`, () => {
    const store = storeOf(record, two);
    const wiring = { hostIfIndex: () => ifIndex as IfIndex | undefined };
    const found = fateOf(record, { store, wiring, kernel, live });
    assert.deepEqual({ ...found, ...fate }, found);
    if (fate.kind === 'live' && 'endpoint' in fate) {
      assert.deepEqual(store.get(record.hostIfName), fate.endpoint);
    }
  });
}
