import assert from 'node:assert/strict';
import { test } from 'node:test';
import { elementsTouched } from '../../../../test/support/counted-arrays.ts';
import { mapOperations } from '../../../../test/support/counted-maps.ts';
import { endpointOf, serviceOf, sliceOf } from '../../../../test/support/service-objects.ts';
import { type PlannedServices, plannedServices } from '../../../../test/support/service-plan.ts';
import type { ClusterService } from '../../../cluster/objects.ts';
import { type Address, parseAddress } from '../../../net/address.ts';
import type { Port } from '../../../net/port.ts';
import { parsePrefix } from '../../../net/prefix.ts';
import type { CheckedNode } from '../../checked-node.ts';
import { takenAddresses } from '../taken-addresses.ts';
import type { ClientChoice, DesiredServices } from './desired-services.ts';

const webPort = { protocol: 'TCP', port: 80 as Port, targetPort: 80 as Port } as const;

/** `1*: 10.78.1.2 10.78.2.2`: number of the list, `*` if clients are hidden, and its backends. */
function choiceText({ lists }: DesiredServices, choice: ClientChoice): string {
  if (choice.kind !== 'backends') return choice.kind;
  const { list, count, masquerade } = choice;
  const backends = lists.get(String(list))?.backends ?? [];
  assert.equal(backends.length, count);
  return `${list}${masquerade ? '*' : ''}: ${backends.map(({ address }) => address).join(' ')}`;
}

function frontendTexts(desired: DesiredServices): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Array.from(desired.frontends, ([key, { inside, outside }]) => [
      key,
      [choiceText(desired, inside), choiceText(desired, outside)],
    ]),
  );
}

const everything: Partial<ClusterService> = {
  type: 'LoadBalancer',
  externalAddresses: ['203.0.113.1' as Address],
  loadBalancerAddresses: [{ address: '203.0.113.2' as Address }],
  ports: [{ ...webPort, nodePort: 30_080 as Port }],
};

const policies: readonly (readonly [
  string,
  Partial<ClusterService>,
  cluster: readonly [string, string],
  external: readonly [string, string],
])[] = [
  [
    'Cluster and Cluster',
    {},
    ['1: 10.78.1.2 10.78.2.2', '1*: 10.78.1.2 10.78.2.2'],
    ['1: 10.78.1.2 10.78.2.2', '1*: 10.78.1.2 10.78.2.2'],
  ],
  [
    'Local and Cluster',
    { internalPolicy: 'Local' },
    ['1: 10.78.1.2', '1*: 10.78.1.2'],
    ['2: 10.78.1.2 10.78.2.2', '2*: 10.78.1.2 10.78.2.2'],
  ],
  [
    'Cluster and Local',
    { externalPolicy: 'Local' },
    ['1: 10.78.1.2 10.78.2.2', '1*: 10.78.1.2 10.78.2.2'],
    ['1: 10.78.1.2 10.78.2.2', '2: 10.78.1.2'],
  ],
];

for (const [name, fields, cluster, external] of policies) {
  test(`with internal and external policy ${name}, each frontend has its backends`, () => {
    const subject = plannedServices();
    subject.add(serviceOf('web', { ...everything, ...fields }), '10.78.1.2', '10.78.2.2');
    assert.deepEqual(frontendTexts(subject.follow()), {
      '10.96.0.1 80 TCP': cluster,
      '203.0.113.2 80 TCP': external,
      '203.0.113.1 80 TCP': external,
      'node4 30080 TCP': external,
      '10.96.0.1': ['refuse', 'refuse'],
    });
  });
}

test('without backends clients are refused, and with those of other nodes only they get no answer', () => {
  const subject = plannedServices();
  subject.add(serviceOf('web', { ...everything, externalPolicy: 'Local' }), '10.78.2.2');
  const backends = ['1: 10.78.2.2', '1*: 10.78.2.2'];
  assert.deepEqual(Object.values(frontendTexts(subject.follow())), [
    ...[backends, ['1: 10.78.2.2', 'drop'], ['1: 10.78.2.2', 'drop'], ['1: 10.78.2.2', 'drop']],
    ['refuse', 'refuse'],
  ]);
  subject.slices.delete('shop/web-a');
  const desired = subject.follow();
  for (const texts of Object.values(frontendTexts(desired)))
    assert.deepEqual(texts, ['refuse', 'refuse']);
  assert.equal(desired.lists.size, 0);
});

test('affinity and source ranges are those of the port, the ranges for the load balancer alone', () => {
  const subject = plannedServices();
  const ranges = ['192.0.2.0/24', '2001:db8::/32'].map((text) => parsePrefix(text));
  const fields = { ...everything, affinitySeconds: 60, sourceRanges: ranges };
  subject.add(serviceOf('web', fields), '10.78.1.2');
  const { frontends, sourceRanges } = subject.follow();
  assert.deepEqual(
    frontends
      .values()
      .map(({ number, affinitySeconds, hasSourceRanges }) => [
        ...[number, affinitySeconds, hasSourceRanges],
      ]),
    [
      [1, 60, false],
      [1, 60, true],
      [1, 60, false],
      [1, 60, false],
      [0, 0, false],
    ],
  );
  assert.deepEqual(sourceRanges.values(), [{ number: 1, ranges: ['192.0.2.0/24'] }]);
  subject.add(serviceOf('web', { ...fields, sourceRanges: ranges.slice(1) }), '10.78.1.2');
  subject.follow();
  assert.deepEqual(sourceRanges.values(), [{ number: 1, ranges: [] }], 'excludes all of IPv4');
  subject.add(serviceOf('web', { ...fields, sourceRanges: undefined }), '10.78.1.2');
  subject.follow();
  assert.equal(sourceRanges.size, 0);
});

test('Services with the same backends share a list, and another backend makes another list', () => {
  const subject = plannedServices();
  const other = { clusterAddresses: ['10.96.0.2' as Address] };
  subject.add(serviceOf('web'), '10.78.2.2', '10.78.2.3');
  subject.add(serviceOf('api', other), '10.78.2.3', '10.78.2.2');
  const desired = subject.follow();
  assert.deepEqual(
    desired.lists.values().map(({ number }) => number),
    [1],
  );
  subject.add(serviceOf('web'), '10.78.2.2');
  subject.follow();
  assert.deepEqual(
    desired.lists.values().map(({ number }) => number),
    [1, 2],
  );
  subject.services.delete('shop/api');
  subject.follow();
  assert.deepEqual(
    desired.lists.values().map(({ number }) => number),
    [2],
  );
});

test('backends stay for a minute after their last list, or as long as the kernel uses the list', () => {
  const inKernel = new Set<number>();
  const subject = plannedServices({ isInKernel: (list) => inKernel.has(list) });
  subject.add(serviceOf('web'), '10.78.2.2');
  const { backends, lists } = subject.follow();
  subject.add(serviceOf('web'), '10.78.2.3');
  const after = (seconds: number): readonly string[] => {
    subject.nowMs += seconds * 1000;
    subject.follow();
    return backends.values().map(({ number, address }) => `${number} ${address}`);
  };
  inKernel.add(1);
  assert.deepEqual(after(0), ['1 10.78.2.2', '2 10.78.2.3']);
  assert.deepEqual(after(61), ['1 10.78.2.2', '2 10.78.2.3']);
  inKernel.clear();
  assert.deepEqual(after(59), ['1 10.78.2.2', '2 10.78.2.3']);
  assert.deepEqual(after(2), ['2 10.78.2.3']);
  subject.add(serviceOf('web'), '10.78.2.4');
  assert.deepEqual(after(1), ['2 10.78.2.3', '3 10.78.2.4']);
  subject.add(serviceOf('web'), '10.78.2.3');
  assert.deepEqual(after(1), ['2 10.78.2.3', '3 10.78.2.4']);
  assert.deepEqual(
    lists.values().map(({ number }) => number),
    [2],
    'the list as it was',
  );
});

test('another agent keeps every number and prefers new ones', () => {
  const subject = plannedServices();
  const address = (last: number) => ({ clusterAddresses: [`10.96.0.${last}` as Address] });
  for (const last of [1, 2, 3])
    subject.add(serviceOf(`s${last}`, address(last)), `10.78.2.${last}`, '10.78.2.9');
  const before = subject.follow();
  const [texts, numbers] = [frontendTexts(before), before.frontends.values()];
  subject.restart();
  subject.services.delete('shop/s3');
  // In another order, as they may come.
  for (const last of [2, 1, 4])
    subject.add(serviceOf(`s${last}`, address(last)), `10.78.2.${last}`, '10.78.2.9');
  const after = subject.follow();
  const kept = Object.entries(texts).filter(([key]) => !key.startsWith('10.96.0.3'));
  const added = ['10.96.0.4 80 TCP', ['4: 10.78.2.9 10.78.2.4', '4*: 10.78.2.9 10.78.2.4']];
  assert.deepEqual(
    new Set(Object.entries(frontendTexts(after)).filter(([, [text]]) => text !== 'refuse')),
    new Set([...kept.filter(([, [text]]) => text !== 'refuse'), added]),
  );
  for (const { address: at, port, number } of numbers.filter((each) => each.number === 1))
    assert.equal(after.frontends.get(`${at} ${port} TCP`)?.number, number);
  assert.equal(after.frontends.get('10.96.0.4 80 TCP')?.number, 4);
});

test('without numbers for its backends a frontend keeps its earlier ones, or refuses', () => {
  const subject = plannedServices({ mostBackends: 3 });
  const other = { clusterAddresses: ['10.96.0.2' as Address] };
  subject.add(serviceOf('web'), '10.78.2.1', '10.78.2.2');
  const desired = subject.follow();
  subject.add(serviceOf('web'), '10.78.2.3', '10.78.2.4');
  subject.add(serviceOf('api', other), '10.78.2.7', '10.78.2.8');
  subject.follow();
  const texts = (): readonly (string | undefined)[] =>
    ['10.96.0.1', '10.96.0.2'].map((at) => frontendTexts(desired)[`${at} 80 TCP`]?.[0]);
  assert.deepEqual(texts(), ['1: 10.78.2.1 10.78.2.2', 'refuse']);
  const problem = 'port 80/TCP (IPv4): no numbers are left for its backends';
  assert.deepEqual(
    [...desired.problems],
    [
      ['shop/web', [`${problem}, those of before are used`]],
      ['shop/api', [`${problem}, clients are refused`]],
    ],
  );
  subject.services.delete('shop/web');
  subject.follow();
  subject.nowMs += 61_000;
  subject.follow();
  subject.follow();
  assert.deepEqual(texts(), [undefined, '2: 10.78.2.8 10.78.2.7']);
  assert.equal(desired.problems.size, 0);
});

test('of more than 65,535 backends the first are used, and the Service has a problem', () => {
  const subject = plannedServices();
  const all = Array.from({ length: 65_537 }, (_, index) =>
    endpointOf(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`),
  );
  subject.add(serviceOf('web'));
  subject.slices.set('shop/web-a', sliceOf('web-a', all));
  const { lists, problems } = subject.follow();
  assert.equal(lists.values()[0]?.backends.length, 65_535);
  assert.deepEqual(problems.get('shop/web'), [
    'port 80/TCP (IPv4): 65537 backends: only 65535 of them are used',
  ]);
});

test('an address that a node gets or loses is taken from a Service or given to it', () => {
  const subject = plannedServices();
  subject.add(serviceOf('web', everything), '10.78.1.2');
  const { frontends } = subject.follow();
  const node: CheckedNode = {
    ...{ name: 'n2', podCidrs: [parsePrefix('10.78.2.0/24')] },
    addresses: [parseAddress('203.0.113.1')],
  };
  const before = frontends.revision;
  subject.taken = takenAddresses({ nodes: new Map([['n2', node]]) });
  subject.follow();
  assert.deepEqual(frontends.changesSince(before), [
    { kind: 'deleted', key: '203.0.113.1 80 TCP' },
  ]);
  subject.taken = takenAddresses({ nodes: new Map() });
  subject.follow();
  assert.ok(frontends.has('203.0.113.1 80 TCP'));
});

test('a frontend goes from one Service to another in one step', () => {
  const subject = plannedServices();
  const at = (last: number, createdAt: number) => ({
    clusterAddresses: [`10.96.0.${last}` as Address],
    externalAddresses: ['203.0.113.1' as Address],
    createdAt,
  });
  subject.add(serviceOf('b', at(1, 2)), '10.78.2.1');
  subject.add(serviceOf('a', at(2, 3)), '10.78.2.2');
  const { frontends, lists } = subject.follow();
  const holder = (): string | undefined => frontends.get('203.0.113.1 80 TCP')?.service;
  assert.equal(holder(), 'shop/b');
  subject.add(serviceOf('a', at(2, 1)), '10.78.2.2');
  subject.follow();
  assert.equal(holder(), 'shop/a');
  subject.services.delete('shop/a');
  subject.follow();
  assert.equal(holder(), 'shop/b');
  // A cluster address is stronger than any other claim to it.
  subject.add(serviceOf('c', { clusterAddresses: ['203.0.113.1' as Address] }), '10.78.2.3');
  subject.follow();
  assert.equal(holder(), 'shop/c');
  for (const name of ['b', 'c']) subject.services.delete(`shop/${name}`);
  subject.follow();
  assert.deepEqual([frontends.size, lists.size], [0, 0]);
});

function manyPlanned(count: number) {
  const subject = plannedServices();
  for (let index = 0; index < count; index++) {
    const ends = `${(index >> 8) & 255}.${index & 255}`;
    const clusterAddresses = [`10.${96 + (index >> 16)}.${ends}` as Address];
    const backends = [1, 2, 3, 4].map((which) => `11.${which}.${ends}`);
    subject.add(serviceOf(`s${index}`, { clusterAddresses, createdAt: index }), ...backends);
  }
  const { frontends, lists } = subject.follow();
  assert.deepEqual([frontends.size, lists.size], [2 * count, count]);
  return subject;
}

test('one change among 30,000 Services costs the same as among ten', (context) => {
  const subjects = [10, 30_000].map(manyPlanned);
  const changes: Readonly<Record<string, (subject: PlannedServices) => void>> = {
    'a slice changes': ({ slices }) =>
      slices.set('shop/s0-a', sliceOf('s0-a', [endpointOf('10.2.0.1'), endpointOf('10.2.0.2')])),
    'a Service changes': ({ services }) =>
      services.set('shop/s3', serviceOf('s3', { clusterAddresses: ['10.96.0.3' as Address] })),
    'a Service is added': ({ add }) =>
      add(serviceOf('t0', { clusterAddresses: ['10.99.0.1' as Address] }), '10.2.0.1'),
    'a Service is deleted': ({ services }) => void services.delete('shop/s5'),
    nothing: () => undefined,
  };
  for (const [what, change] of Object.entries(changes)) {
    const [among10, among30000] = subjects.map((subject) => {
      let operations = 0;
      const elements = elementsTouched(() => {
        operations = mapOperations(() => {
          change(subject);
          subject.follow();
        });
      }, 100_000);
      return { operations, elements };
    });
    context.diagnostic(`${what}: ${JSON.stringify({ among10, among30000 })}`);
    assert.ok(among10 !== undefined && among30000 !== undefined);
    // A snapshot is a tree of small leaves: it is a few levels deeper, and its leaf may be full.
    assert.ok(among30000.operations <= among10.operations + 250, what);
    assert.ok(among30000.elements <= among10.elements + 700, what);
  }
  const [, many] = subjects;
  const taken = takenAddresses({ nodes: new Map() });
  const startedAt = performance.now();
  if (many !== undefined) many.taken = taken;
  many?.follow();
  context.diagnostic(`another node: ${Math.round(performance.now() - startedAt)} ms`);
});
