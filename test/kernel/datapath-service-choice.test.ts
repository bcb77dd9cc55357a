// The choice between the backends of a Service: by chance, and for a Service with affinity the one that the client had.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type TestDatapath, testDatapath } from '../support/datapath.ts';
import { web } from '../support/datapath-network.ts';
import { families } from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';
import {
  addFrontend,
  addList,
  type ClientName,
  choiceOf,
  clients,
  markedAs,
  type ServicePacket,
  shop,
} from '../support/service-packets.ts';

const port = 80;
const service = 5;
const affinitySeconds = 10;
const secondNs = 1e9;

/** The number of the backend that the client gets. */
function chosen(datapath: TestDatapath, family: 4 | 6, client: ClientName = 'pod'): number {
  const packet: ServicePacket = { client, family, protocol: 'udp', to: shop, port };
  const marked = markedAs(datapath, packet);
  const [, number] = /^backend (\d+)$/.exec(marked) ?? assert.fail(marked);
  return Number(number);
}

function nowNs(): number {
  return Number(process.hrtime.bigint());
}

function serve(
  datapath: TestDatapath,
  list: number,
  backends: readonly number[],
  seconds = 0,
): void {
  addList(datapath, list, backends);
  const inside = choiceOf(list, { count: backends.length });
  addFrontend(datapath, { address: shop, port, inside, service, affinitySeconds: seconds });
}

function withAffinity(context: TestContext, backends: readonly number[]): TestDatapath {
  const datapath = testDatapath(context, { services: true });
  serve(datapath, 1, backends, affinitySeconds);
  return datapath;
}

/** Gives the pod an earlier connection to a backend. */
function hadBackend(
  { services }: TestDatapath,
  family: 4 | 6,
  had: { readonly backend: number; readonly index: number; readonly agoNs?: number },
): void {
  const { backend, index, agoNs = secondNs } = had;
  const lastNs = nowNs() - agoNs;
  services.affinities.set({ service, client: web[family] }, { lastNs, backend, index });
}

const upTo = (count: number): number[] =>
  Array.from({ length: count }, (_, index) => index * 3 + 1);

rootTest('every backend of a list is chosen about as often', (context) => {
  const datapath = testDatapath(context, { services: true });
  serve(datapath, 1, [2, 5, 7, 1000]);
  for (const family of families) {
    const counts = new Map<number, number>();
    for (let run = 0; run < 1000; run++) {
      const backend = chosen(datapath, family);
      counts.set(backend, (counts.get(backend) ?? 0) + 1);
    }
    assert.deepEqual(
      [...counts.keys()].sort((a, b) => a - b),
      [2, 5, 7, 1000],
    );
    // 250 of each are expected; the bounds are more than five standard deviations away.
    for (const [backend, count] of counts) {
      assert.ok(count > 180 && count < 320, `backend ${backend}: ${count}`);
    }
  }
  assert.equal(datapath.services.affinities.count(), 0, 'without affinity nothing is remembered');
});

rootTest('a list that lost a slot still gives its other backends', (context) => {
  const datapath = testDatapath(context, { services: true });
  serve(datapath, 1, [2, 5, 7, 9]);
  datapath.services.slots.delete({ list: 1, index: 2 });
  const given = new Set<string>();
  for (let run = 0; run < 200; run++) {
    given.add(markedAs(datapath, { client: 'pod', family: 4, protocol: 'udp', to: shop, port }));
  }
  // One in 256 finds the slot missing four times.
  given.delete('no backend');
  assert.deepEqual([...given].sort(), ['backend 2', 'backend 5', 'backend 9']);
});

rootTest('an element of a map that belongs to another list or frontend is not used', (context) => {
  const datapath = testDatapath(context, { services: true });
  serve(datapath, 1, [2]);
  const { slots, frontends } = datapath.services;
  const packet: ServicePacket = { client: 'pod', family: 4, protocol: 'udp', to: shop, port };
  const [slot] = [...slots.entries()].map(([, value]) => value);
  if (slot === undefined) return assert.fail('no slot');
  slots.set({ list: 1, index: 0 }, { ...slot, list: 3 });
  assert.equal(markedAs(datapath, packet), 'no backend');
  slots.set({ list: 1, index: 0 }, slot);
  assert.equal(markedAs(datapath, packet), 'backend 2');
  for (const [key, entry] of [...frontends.entries()]) {
    frontends.set(key, { ...entry, key: { ...key, port: port + 1 } });
  }
  assert.equal(markedAs(datapath, packet), 'no backend');
});

rootTest('with affinity, each client keeps its backend', (context) => {
  const datapath = withAffinity(context, upTo(50));
  for (const family of families) {
    for (const client of ['pod', 'world'] as const) {
      const first = chosen(datapath, family, client);
      for (let run = 0; run < 20; run++) assert.equal(chosen(datapath, family, client), first);
      const key = { service, client: clients[client].from[family] };
      const known = datapath.services.affinities.get(key);
      assert.equal(known?.backend, first);
      assert.equal(known?.index, (first - 1) / 3);
    }
  }
  assert.equal(datapath.services.affinities.count(), 4);
});

rootTest('each use of an affinity extends it, and an expired one counts no longer', (context) => {
  const datapath = withAffinity(context, upTo(50));
  const { affinities } = datapath.services;
  for (const family of families) {
    const key = { service, client: web[family] };
    for (const agoNs of [0, secondNs, (affinitySeconds - 0.5) * secondNs, -secondNs]) {
      hadBackend(datapath, family, { backend: 16, index: 5, agoNs });
      assert.equal(chosen(datapath, family), 16, `${agoNs} ns ago`);
      const { lastNs = 0 } = affinities.get(key) ?? {};
      assert.ok(Math.abs(nowNs() - lastNs) < 0.4 * secondNs, `extended after ${agoNs} ns`);
    }
    const others = new Set<number>();
    for (let run = 0; run < 30; run++) {
      hadBackend(datapath, family, {
        backend: 16,
        index: 5,
        agoNs: (affinitySeconds + 0.1) * secondNs,
      });
      const backend = chosen(datapath, family);
      others.add(backend);
      assert.equal(affinities.get(key)?.backend, backend);
      assert.ok(nowNs() - (affinities.get(key)?.lastNs ?? 0) < 0.4 * secondNs);
    }
    assert.ok(others.size > 5, `${others.size} different backends`);
  }
});

rootTest('a client finds its backend wherever it is in a new list', (context) => {
  const datapath = withAffinity(context, upTo(50));
  const { affinities } = datapath.services;
  for (const [list, length] of [1, 2, 3, 4, 7, 8, 1000, 65_535].entries()) {
    const backends = upTo(length);
    serve(datapath, 10 + list, backends, affinitySeconds);
    const sample = [0, 1, 2, 3, 4, 5, 6, 7, length >> 1, length - 3, length - 2, length - 1];
    for (const index of sample.filter((value) => value >= 0 && value < length)) {
      for (const guess of [index, 0, length - 1, length, 2 ** 32 - 1]) {
        const backend = backends[index] ?? 0;
        hadBackend(datapath, 4, { backend, index: guess });
        assert.equal(chosen(datapath, 4), backend, `${index} of ${length}, guess ${guess}`);
        assert.equal(affinities.get({ service, client: web[4] })?.index, index);
      }
    }
    for (const absent of [0, 2, 3 * length - 1, 3 * length + 5]) {
      hadBackend(datapath, 4, { backend: absent, index: length >> 1 });
      const backend = chosen(datapath, 4);
      assert.ok(backends.includes(backend), `backend ${backend} for ${absent}`);
      const known = affinities.get({ service, client: web[4] });
      assert.deepEqual(known?.backend, backend);
      assert.deepEqual(known?.index, backends.indexOf(backend));
    }
    for (const index of backends.keys()) datapath.services.slots.delete({ list: 10 + list, index });
  }
});

rootTest('an affinity belongs to one Service', (context) => {
  const datapath = withAffinity(context, upTo(1000));
  const other = { address: shop, port: port + 1, service: service + 1, affinitySeconds };
  addFrontend(datapath, { ...other, inside: choiceOf(1, { count: 1000 }) });
  hadBackend(datapath, 4, { backend: 16, index: 5 });
  const packet = { client: 'pod', family: 4, protocol: 'udp', to: shop, port: port + 1 } as const;
  const given = markedAs(datapath, packet);
  assert.equal(datapath.services.affinities.count(), 2);
  assert.equal(markedAs(datapath, packet), given);
  assert.equal(chosen(datapath, 4), 16);
});
