import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterKind, ClusterObject } from '../parse-object.ts';
import { requireFixed } from './fixed-fields.ts';
import { ObjectStore } from './object-store.ts';
import { readObject } from './resources.ts';

type Store = ObjectStore<ClusterObject['object']>;

function storeOf(kind: ClusterKind): Store {
  return new ObjectStore(
    (key, raw) => readObject(kind, key, raw),
    () => undefined,
    { kind, requireFixed: (versions) => requireFixed(kind, versions) },
  );
}

interface Raw {
  readonly metadata?: object;
  readonly [field: string]: unknown;
}

function object(kind: ClusterKind, { metadata, ...rest }: Raw): object {
  const namespace = kind === 'Node' ? {} : { namespace: 'shop' };
  return { metadata: { ...namespace, name: 'a', uid: 'u-1', ...metadata }, ...rest };
}

const keyOf = (kind: ClusterKind): string => (kind === 'Node' ? 'a' : 'shop/a');

const node = (ranges: readonly string[] | undefined, addresses: readonly string[]): Raw => ({
  ...(ranges !== undefined && { spec: { podCIDRs: ranges } }),
  status: { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) },
});
const range = '198.51.100.0/24';
const whole = node([range], ['192.0.2.1']);
const created = { creationTimestamp: '2026-01-01T00:00:00Z' };
const service = (type: string, ...clusterIPs: readonly string[]): Raw => ({
  spec: { type, clusterIPs },
});

interface Row {
  readonly what: string;
  readonly kind: ClusterKind;
  readonly before: Raw;
  readonly after: Raw;
  /** A change that Kubernetes never makes; absent: it makes such changes. */
  readonly says?: RegExp;
}

const nodeRows: readonly Omit<Row, 'kind'>[] = [
  {
    what: 'no spec',
    before: whole,
    after: node(undefined, ['192.0.2.1']),
    says: /^API server: Node a: spec\.podCIDRs: \[\] replaces 198\.51\.100\.0\/24: Kubernetes never/,
  },
  {
    what: 'no ranges',
    before: whole,
    after: node([], ['192.0.2.1']),
    says: /spec\.podCIDRs: \[\] replaces/,
  },
  {
    what: 'another range',
    before: whole,
    after: node(['203.0.113.0/24'], ['192.0.2.1']),
    says: /spec\.podCIDRs: \["203\.0\.113\.0\/24"\] replaces 198/,
  },
  {
    what: 'a range more',
    before: whole,
    after: node([range, '2001:db8::/64'], ['192.0.2.1']),
    says: /spec\.podCIDRs/,
  },
  { what: 'its first ranges', before: node([], ['192.0.2.1']), after: whole },
  {
    what: 'no InternalIP',
    before: whole,
    after: node([range], []),
    says: /status\.addresses: \[\] replaces 192\.0\.2\.1: /,
  },
  { what: 'another InternalIP', before: whole, after: node([range], ['192.0.2.2']) },
  { what: 'its first InternalIP', before: node([range], []), after: whole },
  {
    what: 'another time of creation',
    before: { ...whole, metadata: created },
    after: { ...whole, metadata: { creationTimestamp: '2025-01-01T00:00:00Z' } },
    says: /metadata\.creationTimestamp: 2025-01-01T00:00:00\.000Z replaces 2026-01-01T00:00:00\.000Z/,
  },
  {
    what: 'no time of creation',
    before: { ...whole, metadata: created },
    after: whole,
    says: /metadata\.creationTimestamp: is missing and was 2026/,
  },
  {
    what: 'no uid',
    before: whole,
    after: { ...whole, metadata: { uid: undefined } },
    says: /metadata\.uid: is missing and was u-1/,
  },
  {
    what: 'another uid and range',
    before: whole,
    after: { ...node(['203.0.113.0/24'], []), metadata: { uid: 'u-2' } },
  },
  {
    what: 'a flaw still, and no ranges',
    before: node(['198.51.100.7/24', range], ['192.0.2.1']),
    after: node(undefined, ['fe80::1%eth0', '192.0.2.1']),
    says: /spec\.podCIDRs: \[\] replaces 198\.51\.100\.0\/24/,
  },
  {
    what: 'a range that had a flaw',
    before: node([range, '2001:db8::1/64'], ['192.0.2.1']),
    after: node([range, '2001:db8::/64'], ['192.0.2.1']),
  },
];

const rows: readonly Row[] = [
  ...nodeRows.map((row) => ({ ...row, kind: 'Node' as const })),
  {
    what: 'another node',
    kind: 'Pod',
    before: { spec: { nodeName: 'node-1' } },
    after: { spec: { nodeName: 'node-2' } },
    says: /^API server: Pod shop\/a: spec\.nodeName: node-2 replaces node-1/,
  },
  {
    what: 'no node',
    kind: 'Pod',
    before: { spec: { nodeName: 'node-1' } },
    after: {},
    says: /spec\.nodeName: is missing and was node-1/,
  },
  { what: 'its node', kind: 'Pod', before: {}, after: { spec: { nodeName: 'node-1' } } },
  {
    what: 'the network of its node',
    kind: 'Pod',
    before: {},
    after: { spec: { hostNetwork: true } },
    says: /spec\.hostNetwork: true replaces false/,
  },
  {
    what: 'no deletion any more',
    kind: 'Pod',
    before: { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } },
    after: {},
    says: /metadata\.deletionTimestamp: is missing and was set/,
  },
  {
    what: 'no address any more',
    kind: 'Pod',
    before: { status: { podIPs: [{ ip: '198.51.100.7' }] } },
    after: { status: { phase: 'Running' } },
  },
  {
    what: 'no cluster address',
    kind: 'Service',
    before: service('ClusterIP', '192.0.2.80'),
    after: service('ClusterIP'),
    says: /^API server: Service shop\/a: spec\.clusterIPs\[0\]: is missing and was 192\.0\.2\.80/,
  },
  {
    what: 'another cluster address',
    kind: 'Service',
    before: service('ClusterIP', '192.0.2.80'),
    after: service('LoadBalancer', '192.0.2.81'),
    says: /spec\.clusterIPs\[0\]: 192\.0\.2\.81 replaces 192\.0\.2\.80/,
  },
  {
    what: 'another second cluster address',
    kind: 'Service',
    before: service('ClusterIP', '192.0.2.80', '2001:db8::80'),
    after: service('ClusterIP', '192.0.2.80', '2001:db8::81'),
    says: /spec\.clusterIPs\[1\]: 2001:db8::81 replaces/,
  },
  {
    what: 'one family',
    kind: 'Service',
    before: service('ClusterIP', '192.0.2.80', '2001:db8::80'),
    after: service('ClusterIP', '192.0.2.80'),
  },
  {
    what: 'a name instead of an address',
    kind: 'Service',
    before: service('ClusterIP', '192.0.2.80'),
    after: service('ExternalName'),
  },
  {
    what: 'another type of addresses',
    kind: 'EndpointSlice',
    before: { addressType: 'IPv4' },
    after: { addressType: 'IPv6' },
    says: /^API server: EndpointSlice shop\/a: addressType: IPv6 replaces IPv4/,
  },
];

for (const by of ['a watch', 'a list'] as const)
  for (const { what, kind, before, after, says } of rows)
    test(`${kind}: ${what}, shown by ${by}, is ${says === undefined ? 'followed' : 'a problem, and the version before it stays'}`, () => {
      const store = storeOf(kind);
      const key = keyOf(kind);
      store.set(key, object(kind, before));
      const known = store.view().get(key);
      const list = by === 'a list' ? store.replace() : undefined;
      (list ?? store).set(key, object(kind, after));
      if (list !== undefined) assert.equal(list.contradictions.size, says === undefined ? 0 : 1);
      list?.commit();
      const [problem] = store.problems;
      if (says === undefined) {
        assert.equal(problem, undefined);
        assert.deepEqual(store.view().get(key), readObject(kind, key, object(kind, after)));
        return;
      }
      assert.match(problem?.text ?? '', says);
      assert.equal(store.view().get(key), known);
      store.set(key, object(kind, { ...before, metadata: { ...before.metadata, uid: 'u-2' } }));
      assert.equal(store.view().get(key)?.uid, 'u-2', 'an object that was made again');
    });

test('a Node that was once reported without ranges is followed again', () => {
  const store = storeOf('Node');
  store.set('a', object('Node', whole));
  const known = store.view().get('a');
  store.set('a', object('Node', {}));
  assert.equal([...store.problems].length, 1);
  store.set('a', object('Node', whole));
  assert.deepEqual([store.view().get('a'), [...store.problems]], [known, []]);
  store.set('a', object('Node', node([range], ['192.0.2.9'])));
  assert.deepEqual([...store.problems], []);
});
