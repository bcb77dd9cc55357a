import assert from 'node:assert/strict';
import { test } from 'node:test';
import { elementsTouched } from '../../../test/support/counted-arrays.ts';
import { mapOperations } from '../../../test/support/counted-maps.ts';
import { endpointOf, serviceOf, sliceOf } from '../../../test/support/service-objects.ts';
import { SnapshotMap } from '../../base/collections/snapshot-map.ts';
import type { ClusterEndpointSlice, ClusterNode, ClusterService } from '../../cluster/objects.ts';
import { type Address, parseAddress } from '../../net/address.ts';
import type { Port } from '../../net/port.ts';
import { hostPrefix, parsePrefix } from '../../net/prefix.ts';
import type { CheckedNode } from '../checked-node.ts';
import type { Frontend } from './frontend.ts';
import { type Client, claimFlaw, resolve } from './resolve.ts';
import { ServicesModel } from './services.ts';
import { takenAddresses } from './taken-addresses.ts';

const node: CheckedNode = {
  ...{ name: 'n1', podCidrs: [parsePrefix('10.78.1.0/24')] },
  addresses: [parseAddress('10.77.0.11')],
};
const context = {
  nodePortAddresses: node.addresses,
  taken: takenAddresses({
    nodes: new Map([['n1', node]]),
    occupied: [{ kind: 'api server', prefix: hostPrefix(parseAddress('198.51.100.1')) }],
  }),
};

/** Services and slices as snapshots contain them, and the model. */
function cluster() {
  const services = new SnapshotMap<ClusterService>();
  const slices = new SnapshotMap<ClusterEndpointSlice>();
  const nodes = new Map<string, ClusterNode>();
  const model = new ServicesModel('n1');
  return {
    ...{ services, slices, nodes },
    add: (...all: readonly ClusterService[]) => {
      for (const each of all) services.set(`shop/${each.name}`, each);
    },
    tables: () =>
      model.follow({
        nodes,
        services: services.snapshot(),
        endpointSlices: slices.snapshot(),
      }),
  };
}

function claiming(name: string, external: string, fields: Partial<ClusterService> = {}) {
  const clusterAddresses = [`10.96.1.${name.charCodeAt(0)}` as Address];
  const externalAddresses = [parseAddress(external)];
  return serviceOf(name, { clusterAddresses, externalAddresses, ...fields });
}

/** Who has port 80 of the address, and why the others do not. */
function holders(subject: ReturnType<typeof cluster>, address: string): readonly unknown[] {
  const tables = subject.tables();
  const key = `${address} 80 TCP`;
  const flaws = [...subject.services.snapshot().values()]
    .map(({ name }) => name)
    .sort()
    .map((name) => {
      const at = { address: address as Address, port: 80 as Port };
      const frontend: Frontend = {
        ...{ ...at, kind: 'external', family: 4, protocol: 'TCP', portIndex: 0 },
      };
      return `${name}: ${claimFlaw(tables, context.taken, { key, service: `shop/${name}`, frontend })}`;
    });
  return [tables.owners.get(key)?.service, ...flaws];
}

test('of several Services with one frontend the oldest has it, then the first by name, and the next when it is deleted', () => {
  const subject = cluster();
  const at = '203.0.113.1';
  subject.add(claiming('c', at), claiming('b', at, { createdAt: 2 }), claiming('a', at));
  assert.deepEqual(holders(subject, at), [
    'shop/b',
    ...['a: belongs to Service shop/b', 'b: undefined', 'c: belongs to Service shop/b'],
  ]);
  subject.add(claiming('d', at, { createdAt: 1 }));
  assert.equal(holders(subject, at)[0], 'shop/d');
  subject.services.delete('shop/d');
  subject.services.delete('shop/b');
  assert.equal(holders(subject, at)[0], 'shop/a');
  subject.add(claiming('a', '203.0.113.2'));
  assert.equal(holders(subject, at)[0], 'shop/c');
});

test('a cluster address belongs to its Service, however old another one is that claims it', () => {
  const subject = cluster();
  const at = '10.96.0.1';
  subject.add(claiming('old', at, { createdAt: 1 }), serviceOf('web', { createdAt: 9 }));
  assert.deepEqual(holders(subject, at).slice(0, 2), [
    'shop/web',
    'old: belongs to Service shop/web',
  ]);
  // Its other ports as well.
  const other = { ports: [{ protocol: 'TCP', port: 81 as Port, targetPort: 81 as Port }] } as const;
  subject.add(serviceOf('web', other));
  assert.deepEqual(holders(subject, at).slice(0, 2), [
    'shop/old',
    'old: is the cluster address of Service shop/web',
  ]);
});

const foreign: readonly (readonly [string, string | undefined])[] = [
  ['10.77.0.11', 'is an address of n1'],
  ['10.78.1.7', 'is in 10.78.1.0/24, the pods of n1'],
  ['198.51.100.1', 'is an address of the API server, the proxy to it or a name server'],
  ['127.0.0.2', 'is unusable: loopback'],
  ['169.254.169.254', 'is unusable: link-local'],
  ['224.0.0.1', 'is unusable: multicast'],
  ['255.255.255.255', 'is unusable: broadcast'],
  ['0.0.0.0', 'is unusable: this network'],
  ['::', 'is unusable: the unspecified address'],
  ['fe80::1', 'is unusable: link-local'],
  ['::ffff:10.0.0.1', 'is an IPv4 address written as IPv6'],
  ['100.100.100.200', 'overlaps 100.100.100.200/32 (metadata service of Alibaba Cloud)'],
  ['203.0.113.1', undefined],
  ['240.0.0.1', undefined],
];

for (const [address, flaw] of foreign) {
  test(`a Service cannot have ${address} as external address: ${flaw ?? 'it can'}`, () => {
    assert.equal(context.taken(parseAddress(address), 'external'), flaw);
  });
}

test("a Service that claims the node's address does not hide the node port of another", () => {
  const subject = cluster();
  const port = { protocol: 'TCP', port: 30_080 as Port, targetPort: 80 as Port } as const;
  const atNode = { protocol: 'TCP', port: 80 as Port, targetPort: 80 as Port } as const;
  subject.add(
    claiming('thief', '10.77.0.11', { ports: [port], createdAt: 1 }),
    serviceOf('web', { type: 'NodePort', ports: [{ ...atNode, nodePort: 30_080 as Port }] }),
  );
  subject.slices.set('shop/web-a', sliceOf('web-a', [endpointOf('10.78.2.1')]));
  const client: Client = { kind: 'outside', address: parseAddress('192.0.2.1') };
  const at = (number: number) =>
    resolve(subject.tables(), context, {
      client,
      to: { address: parseAddress('10.77.0.11'), port: number as Port, protocol: 'TCP' },
    });
  const found = at(30_080);
  assert.equal(found.kind === 'service' && found.found.name, 'shop/web');
  subject.services.delete('shop/web');
  assert.deepEqual(at(30_080), {
    kind: 'no-service',
    problem: 'Service shop/thief: 10.77.0.11 is an address of n1',
  });
});

test('another zone of the node selects other backends', () => {
  const subject = cluster();
  const [one, other] = [{ forZones: ['z1'] }, { forZones: ['z2'] }];
  subject.add(serviceOf('web'));
  const endpoints = [endpointOf('10.78.2.1', one), endpointOf('10.78.2.2', other)];
  subject.slices.set('shop/web-a', sliceOf('web-a', endpoints));
  const used = (): readonly string[] => {
    const selection = subject.tables().compiled.get('shop/web')?.ports[0]?.inCluster;
    return selection?.kind === 'backends' ? selection.backends.map(({ address }) => address) : [];
  };
  assert.equal(used().length, 2);
  subject.nodes.set('n1', { ...node, labels: {}, annotations: {}, zone: 'z2' });
  assert.deepEqual(used(), ['10.78.2.2']);
});

/** Services with a slice of three endpoints each; every hundredth claims one external address with others. */
function clusterOf(count: number): ReturnType<typeof cluster> {
  const subject = cluster();
  for (let index = 0; index < count; index++) {
    const name = `s${index}`;
    const clusterAddresses = [
      `10.${96 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}` as Address,
    ];
    const externalAddresses = index % 100 === 0 ? [parseAddress('203.0.113.1')] : [];
    subject.add(serviceOf(name, { clusterAddresses, externalAddresses, createdAt: index }));
    const endpoints = [1, 2, 3].map((which) => endpointOf(`10.1.${index & 255}.${which}`));
    subject.slices.set(`shop/${name}-a`, sliceOf(`${name}-a`, endpoints));
  }
  const { compiled, owners } = subject.tables();
  assert.equal(compiled.size, count);
  assert.equal(owners.size, 2 * count + 1);
  return subject;
}

const changes: Readonly<Record<string, (subject: ReturnType<typeof cluster>) => void>> = {
  'a slice changes': ({ slices }) =>
    slices.set('shop/s0-a', sliceOf('s0-a', [endpointOf('10.2.0.1'), endpointOf('10.2.0.2')])),
  'a slice is added': ({ slices }) =>
    slices.set('shop/s1-b', sliceOf('s1-b', [endpointOf('10.2.0.3')])),
  'a slice is deleted': ({ slices }) => slices.delete('shop/s1-b'),
  'a Service changes': ({ add }) =>
    add(serviceOf('s3', { clusterAddresses: ['10.96.0.3' as Address], internalPolicy: 'Local' })),
  'a Service loses a contested address': ({ add }) =>
    add(serviceOf('s0', { clusterAddresses: ['10.96.0.0' as Address] })),
  'a Service is added': ({ add }) =>
    add(serviceOf('t0', { clusterAddresses: ['10.99.0.1' as Address] })),
  'a Service is deleted': ({ services }) => services.delete('shop/s5'),
  nothing: () => undefined,
};

test('one change among 30,000 Services costs the same as among ten', (context) => {
  const [few, many] = [clusterOf(10), clusterOf(30_000)];
  for (const [what, change] of Object.entries(changes)) {
    const [among10, among30000] = [few, many].map((subject) => {
      const before = subject.tables().compiled.revision;
      let operations = 0;
      const elements = elementsTouched(() => {
        operations = mapOperations(() => {
          change(subject);
          const { compiled, owners } = subject.tables();
          assert.ok((compiled.changesSince(before)?.length ?? 9) <= 1, what);
          assert.ok(owners.revision > 0);
        });
      }, 1_000_000);
      return { operations, elements };
    });
    context.diagnostic(`${what}: ${JSON.stringify({ among10, among30000 })}`);
    assert.ok(among10 !== undefined && among30000 !== undefined);
    // A snapshot is a tree of small leaves: it is a few levels deeper, and its leaf may be full.
    assert.ok(among30000.operations <= among10.operations + 250, what);
    assert.ok(among30000.operations <= 400, what);
    assert.ok(among30000.elements <= among10.elements + 700, what);
  }
});
