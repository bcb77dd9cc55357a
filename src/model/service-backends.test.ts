// What Services will be derived by: each slice joined with its Service gives backends, each backend joined with the pod of this
// node that has its address gives what a table would hold. Whatever changes, the result is the one that is computed from
// nothing, and one changed object costs the same among ten Services and among thirty thousand.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { elementsTouched } from '../../test/support/counted-arrays.ts';
import { mapOperations } from '../../test/support/counted-maps.ts';
import { seededRandom } from '../../test/support/random.ts';
import { type Entries, KeyedCollection } from '../base/collections/collection.ts';
import { mapEach } from '../base/collections/derived.ts';
import { joinWith } from '../base/collections/joined.ts';
import { Mirror } from '../base/collections/mirror.ts';
import { SnapshotMap } from '../base/collections/snapshot-map.ts';
import type { ClusterEndpointSlice, ClusterService } from '../cluster/objects.ts';
import { type Address, parseAddress } from '../net/address.ts';
import type { Port } from '../net/port.ts';

interface Backend {
  readonly service: string;
  readonly frontends: readonly string[];
  readonly address: Address;
  readonly port: Port;
}

/** The part of a local endpoint that a backend needs. */
interface Local {
  readonly id: number;
}

interface Sources {
  readonly services: Entries<string, ClusterService>;
  readonly slices: Entries<string, ClusterEndpointSlice>;
  readonly locals: Entries<string, Local>;
}

interface Reached extends Backend {
  /** Id of the local endpoint; absent: the endpoint is elsewhere. */
  readonly id: number | undefined;
}

function backendsOf(
  { services, slices }: Sources,
  onCompute: () => void = () => undefined,
): Entries<string, Backend> {
  return joinWith(slices, services, {
    rightOf: ({ namespace, service }) =>
      service === undefined ? undefined : `${namespace}/${service}`,
    entriesOf: (slice, service) => {
      onCompute();
      if (service === undefined) return [];
      const name = `${service.namespace}/${service.name}`;
      return slice.ports.flatMap(({ name: portName, port }) => {
        const front = service.ports.find((each) => each.name === portName);
        if (front === undefined || port === undefined) return [];
        const frontends = service.clusterAddresses.map((address) => `${address}:${front.port}`);
        return slice.endpoints
          .filter(({ ready }) => ready)
          .flatMap(({ addresses }) => addresses)
          .map((address): readonly [string, Backend] => [
            `${name} ${front.port} ${address}:${port}`,
            { service: name, frontends, address, port },
          ]);
      });
    },
    equal: (left, right) =>
      left.port === right.port && left.frontends.join() === right.frontends.join(),
  });
}

function reachedOf(sources: Sources, onCompute?: () => void): Entries<string, Reached> {
  return joinWith(backendsOf(sources, onCompute), sources.locals, {
    rightOf: ({ address }) => address,
    entriesOf: (backend, local, key) => [[key, { ...backend, id: local?.id }]],
  });
}

function countsOf(reached: Entries<string, Reached>): Entries<number, string> {
  return mapEach(reached, ({ id, service }) => (id === undefined ? [] : [[id, service]]));
}

const meta = { labels: {}, annotations: {} };

function service(name: string, index: number, ports: readonly number[] = [80]): ClusterService {
  return {
    ...{ ...meta, namespace: 'shop', name, type: 'ClusterIP', externalAddresses: [] },
    clusterAddresses: [`10.96.${index >> 8}.${index & 255}` as Address],
    ports: ports.map((port) => ({
      ...{ name: `p${port}`, protocol: 'TCP', port: port as Port, targetPort: 8080 as Port },
    })),
  };
}

function slice(
  name: string,
  of: string,
  { addresses, ports = [80] }: { addresses: readonly Address[]; ports?: readonly number[] },
): ClusterEndpointSlice {
  const common = { serving: true, terminating: false };
  return {
    ...{ ...meta, namespace: 'shop', name, service: of, addressType: 'IPv4' },
    endpoints: addresses.map((address) => ({ ...common, addresses: [address], ready: true })),
    ports: ports.map((port) => ({ name: `p${port}`, protocol: 'TCP', port: 8080 as Port })),
  };
}

/** The cluster as snapshots contain it, and the derived state. */
function cluster() {
  const [services, slices] = [
    new SnapshotMap<ClusterService>(),
    new SnapshotMap<ClusterEndpointSlice>(),
  ];
  const mirrors = {
    services: new Mirror<ClusterService>(),
    slices: new Mirror<ClusterEndpointSlice>(),
  };
  const locals = new KeyedCollection<string, Local>();
  const computed = { slices: 0 };
  const sources = { services: mirrors.services.entries, slices: mirrors.slices.entries, locals };
  const reached = reachedOf(sources, () => computed.slices++);
  return {
    ...{ services, slices, locals, computed, reached, counts: countsOf(reached) },
    tell: (): void => {
      mirrors.services.follow(services.snapshot());
      mirrors.slices.follow(slices.snapshot());
    },
  };
}

/** The same computed from scratch. */
function afresh({ services, slices, locals }: ReturnType<typeof cluster>) {
  const copy = <Value>(map: Iterable<readonly [string, Value]>): Entries<string, Value> => {
    const made = new KeyedCollection<string, Value>();
    for (const [key, value] of [...map].reverse()) made.set(key, value);
    return made;
  };
  const [serviceCopy, sliceCopy] = [copy(services.snapshot()), copy(slices.snapshot())];
  const reached = reachedOf({ services: serviceCopy, slices: sliceCopy, locals: copy(locals) });
  return { reached, counts: countsOf(reached) };
}

function sorted<Key, Value>(entries: Iterable<readonly [Key, Value]>): readonly unknown[] {
  return [...entries].sort(([left], [right]) => (String(left) < String(right) ? -1 : 1));
}

test('after changes in any order, the join equals one computed from scratch', (context) => {
  const seed = Number(process.env['HEDDLE_SEED'] ?? Date.now() % 1_000_000);
  context.diagnostic(`HEDDLE_SEED=${seed}`);
  const random = seededRandom(seed);
  const subject = cluster();
  const addresses = Array.from({ length: 24 }, (_, index) => `10.1.0.${index + 1}` as Address);
  const ports = (): number[] => [80, 443].filter(() => random.oneIn(2));
  for (let step = 0; step < 1_500; step++) {
    const index = random.below(12);
    const name = `s${index}`;
    switch (random.below(7)) {
      case 0:
        subject.services.set(`shop/${name}`, service(name, random.below(3), ports()));
        break;
      case 1:
        subject.services.delete(`shop/${name}`);
        break;
      case 2:
        subject.slices.delete(`shop/${name}-${random.below(3)}`);
        break;
      case 3: {
        const address = random.pick(addresses);
        if (random.oneIn(2)) subject.locals.delete(address);
        else subject.locals.set(address, { id: random.below(30) });
        break;
      }
      default: {
        // Slices of one Service overlap, and a slice may change its Service.
        const key = `${name}-${random.below(3)}`;
        const of = random.oneIn(5) ? `s${random.below(12)}` : name;
        const some = addresses.filter(() => random.oneIn(6));
        subject.slices.set(`shop/${key}`, slice(key, of, { addresses: some, ports: ports() }));
      }
    }
    if (!random.oneIn(3)) continue;
    subject.tell();
    const [expected, where] = [afresh(subject), `HEDDLE_SEED=${seed}, step ${step}`];
    assert.deepEqual(sorted(subject.reached), sorted(expected.reached), where);
    assert.deepEqual(sorted(subject.counts), sorted(expected.counts), where);
  }
});

/** Services with a slice of three endpoints each; the first endpoint of each tenth is local. */
function clusterOf(count: number): ReturnType<typeof cluster> {
  const subject = cluster();
  for (let index = 0; index < count; index++) {
    const name = `s${index}`;
    subject.services.set(`shop/${name}`, service(name, index));
    const addresses = [0, 1, 2].map(
      (which) =>
        `10.${64 + (index >> 13)}.${(index >> 5) & 255}.${(index & 31) * 8 + which}` as Address,
    );
    subject.slices.set(`shop/${name}-a`, slice(`${name}-a`, name, { addresses }));
    if (index % 10 === 0) subject.locals.set(addresses[0] ?? '', { id: index });
  }
  subject.tell();
  assert.equal(subject.reached.size, 3 * count);
  assert.equal(subject.counts.size, Math.ceil(count / 10));
  return subject;
}

interface Cost {
  readonly slices: number;
  readonly operations: number;
  readonly elements: number;
}

function costOf(subject: ReturnType<typeof cluster>, change: () => void): Cost {
  const before = subject.counts.revision;
  subject.computed.slices = 0;
  let operations = 0;
  const elements = elementsTouched(() => {
    operations = mapOperations(() => {
      change();
      subject.tell();
      assert.ok((subject.counts.changesSince(before)?.length ?? 0) <= 2);
    });
  }, 1_000_000);
  return { slices: subject.computed.slices, operations, elements };
}

test('one change among 30,000 Services costs the same as among ten', (context) => {
  const [few, many] = [clusterOf(10), clusterOf(30_000)];
  const moved = (): ClusterEndpointSlice =>
    slice('s0-a', 's0', {
      addresses: ['10.64.0.0', '10.64.0.1', '10.99.0.2'].map((text) => parseAddress(text)),
    });
  const changes: Readonly<Record<string, (subject: ReturnType<typeof cluster>) => void>> = {
    'an endpoint': ({ slices }) => slices.set('shop/s0-a', moved()),
    'a Service': ({ services }) => services.set('shop/s0', service('s0', 7)),
    'a pod here': ({ locals }) => locals.set('10.64.0.0', { id: 77 }),
    'a Service more': ({ services }) => services.set('shop/new', service('new', 9)),
    'a Service gone': ({ services }) => services.delete('shop/s0'),
    nothing: () => undefined,
  };
  for (const [what, change] of Object.entries(changes)) {
    const [among10, among30000] = [few, many].map((subject) =>
      costOf(subject, () => change(subject)),
    );
    context.diagnostic(`${what}: ${JSON.stringify({ among10, among30000 })}`);
    assert.ok(among10 !== undefined && among30000 !== undefined);
    assert.equal(among30000.slices, among10.slices, what);
    // A snapshot is a tree of small leaves: it is a few levels deeper, and its leaf may be full.
    assert.ok(among30000.operations <= among10.operations + 250, what);
    assert.ok(among30000.operations <= 400, what);
    assert.ok(among30000.elements <= among10.elements + 100, what);
  }
});
