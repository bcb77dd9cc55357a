// The tables of Services with the kernel's maps.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type Choice, choiceKind, type ServiceEntry } from '../../src/datapath/generated.ts';
import { loadDatapath, readDatapathObject } from '../../src/datapath/load/loader.ts';
import { frontendTable } from '../../src/datapath/services/frontends.ts';
import { KernelLists } from '../../src/datapath/services/kernel-lists.ts';
import { slotTable } from '../../src/datapath/services/slots.ts';
import { sourceRangeTable } from '../../src/datapath/services/source-ranges.ts';
import { ServicesModel } from '../../src/model/services/services.ts';
import { takenAddresses } from '../../src/model/services/taken-addresses.ts';
import { parseAddress } from '../../src/net/address.ts';
import type { Port } from '../../src/net/port.ts';
import { followWorld } from '../support/follow-world.ts';
import { manyServices } from '../support/many-services.ts';
import { testPinFolder } from '../support/pin-folder.ts';
import { type MapSizesWanted, ServiceNode, serviceMaps } from '../support/planned-services.ts';
import { seededRandom } from '../support/random.ts';
import { changedWorld, randomQuestion, randomWorld } from '../support/random-services.ts';
import { rootTest } from '../support/root-test.ts';
import { endpointOf, sliceOf } from '../support/service-objects.ts';
import { serviceOracle } from '../support/service-oracle.ts';
import { type ReadableServiceMaps, readAnswer } from '../support/service-reader.ts';
import { assertContract } from '../support/table-contract.ts';

function mapsFor(context: TestContext, sizes: MapSizesWanted): ReadableServiceMaps {
  const maps = serviceMaps(sizes);
  context.after(() => {
    for (const map of Object.values(maps) as readonly Disposable[]) map[Symbol.dispose]();
  });
  return maps;
}

const backend = (number: number) => ({
  ...{ number, address: parseAddress(`192.0.2.${number}`), port: 80 as Port },
});

const lists = [
  { number: 1, backends: [backend(1), backend(3)] },
  { number: 0xffff_ffff, backends: [backend(2)] },
];

rootTest('the tables of Services store and return their entries', (context) => {
  const maps = mapsFor(context, { frontends: 4, slots: 4, sourceRanges: 4 });
  const kernelLists = new KernelLists();
  assertContract(slotTable(maps.slots, kernelLists), lists);
  for (const { number } of lists) kernelLists.setComplete(number, true);
  const inside: Choice = { list: 1, count: 2, kind: choiceKind.backends, masquerade: 0 };
  const outside: Choice = { list: 0, count: 0, kind: choiceKind.drop, masquerade: 0 };
  const entries = ['10.96.0.1', '2001:db8::1', '0.0.0.0', '::'].map((text) => {
    const key = { address: parseAddress(text), port: 80, protocol: 6 };
    const rest = {
      service: 7,
      inside,
      outside,
      affinitySeconds: 10_800,
      hasSourceRanges: 1,
      isConsistent: 0,
    };
    const value: ServiceEntry = { key, ...rest };
    return { key, value };
  });
  const frontends = frontendTable(maps.frontends, kernelLists);
  assert.deepEqual(entries.map(frontends.key), [
    ...['10.96.0.1:80/tcp', '[2001:db8::1]:80/tcp', '0.0.0.0:80/tcp', '[::]:80/tcp'],
  ]);
  assertContract(frontends, entries);
});

rootTest(
  "a client is in a range of its Service's port by the kernel's longest match",
  (context) => {
    const { sourceRanges } = mapsFor(context, { sourceRanges: 8 });
    const table = sourceRangeTable(sourceRanges);
    const ranges = [
      { service: 7, prefixLength: 32 + 96 + 24, address: parseAddress('192.0.2.0') },
      { service: 8, prefixLength: 32, address: parseAddress('::') },
      { service: 9, prefixLength: 32 + 96, address: parseAddress('0.0.0.0') },
      { service: 10, prefixLength: 32 + 32, address: parseAddress('2001:db8::') },
    ].map((key) => ({ key, value: { allowed: 1 } }));
    assert.deepEqual(ranges.map(table.key), [
      ...['7 192.0.2.0/24', '8 ::/0', '9 0.0.0.0/0', '10 2001:db8::/32'],
    ]);
    assertContract(table, ranges);
    table.set(ranges);
    const isIn = (service: number, text: string): boolean =>
      sourceRanges.get({ prefixLength: 160, service, address: parseAddress(text) }) !== undefined;
    assert.deepEqual(
      [
        ...[
          isIn(7, '192.0.2.9'),
          isIn(7, '192.0.3.9'),
          isIn(8, '2001:db8::9'),
          isIn(6, '192.0.2.9'),
        ],
        ...[isIn(9, '203.0.113.1'), isIn(10, '2001:db8:1::1'), isIn(10, '2001:db9::1')],
      ],
      [true, false, true, false, true, true, false],
    );
  },
);

rootTest(
  'in random clusters the maps give every client what the oracle permits',
  async (context) => {
    const seed = Number(process.env['HEDDLE_SEED'] ?? Date.now() % 1_000_000);
    context.diagnostic(`HEDDLE_SEED=${seed}`);
    const random = seededRandom(seed);
    const node = new ServiceNode(
      mapsFor(context, { frontends: 500, slots: 500, sourceRanges: 500 }),
    );
    const model = new ServicesModel('n1');
    let world = randomWorld(random);
    for (let round = 0; round < 60; round++) {
      world = changedWorld(random, world);
      const { tables, context: rules } = followWorld(model, world);
      if (random.oneIn(6)) node.restart();
      node.follow(tables, rules);
      const { failures } = await node.settle({ relist: random.oneIn(3) });
      assert.deepEqual(failures, []);
      for (let index = 0; index < 20; index++) {
        const question = randomQuestion(random, world);
        const { answer } = readAnswer(node.maps, rules.nodePortAddresses, question);
        assert.deepEqual(answer, serviceOracle(world, question), `HEDDLE_SEED=${seed}`);
      }
    }
  },
);

rootTest('30,000 Services are written once, and one change writes what it has', async (context) => {
  const count = 30_000;
  const node = new ServiceNode(mapsFor(context, {}));
  const { services, slices } = manyServices(count);
  const taken = takenAddresses({ nodes: new Map() });
  let model = new ServicesModel('n1');
  const follow = (): void => {
    const state = { services: services.snapshot(), endpointSlices: slices.snapshot() };
    const tables = model.follow({ nodes: new Map(), ...state });
    assert.equal(tables.compiled.size, count);
    node.follow(tables, { taken });
  };
  const timed = async (what: string, run: () => unknown): Promise<void> => {
    const [startedAt, before] = [performance.now(), process.cpuUsage()];
    await run();
    const { user, system } = process.cpuUsage(before);
    const elapsed = Math.round(performance.now() - startedAt);
    context.diagnostic(`${what}: ${elapsed} ms, ${Math.round((user + system) / 1000)} ms of CPU`);
  };
  await timed('compile and plan', follow);
  await timed('write', async () => {
    const { writes, failures } = await node.settle();
    assert.deepEqual([writes.set, failures.length], [3 * count, 0]);
  });
  await timed('list', () => node.settle({ relist: true }));
  slices.set('shop/s7-a', sliceOf('s7-a', [endpointOf('11.9.9.9')]));
  await timed('plan of a change', follow);
  const noWrites = { set: 0, deleted: 0, restored: 0 };
  await timed('write of a change', async () => {
    const { writes, failures } = await node.settle();
    assert.deepEqual([writes, failures], [{ ...noWrites, set: 2, deleted: 1 }, []]);
  });
  await timed('list after a change', async () => {
    assert.deepEqual((await node.settle({ relist: true })).writes, noWrites);
  });
  model = new ServicesModel('n1');
  node.restart();
  await timed('compile and plan after a restart', follow);
  await timed('list after a restart', async () => {
    assert.deepEqual((await node.settle()).writes, noWrites);
  });
});

rootTest('without Services their maps have one entry each, and lose those of before', (context) => {
  const services = {
    frontendEntries: 64,
    slotEntries: 64,
    rangeEntries: 64,
    affinityEntries: 64,
    lookupTables: 1,
  };
  const options = {
    pinDir: testPinFolder(context),
    object: readDatapathObject(),
    sizes: {
      ...{ endpointEntries: 16, addressEntries: 128, routeEntries: 64, flowEntries: 1024 },
      services,
    },
    constants: {},
  };
  const sizesOf = (isOn: boolean): readonly number[] => {
    using datapath = loadDatapath({ ...options, services: isOn });
    const { frontends, slots, sourceRanges, affinities } = datapath.maps;
    if (isOn) slotTable(slots, new KernelLists()).set(lists);
    else assert.equal(slots.count(), 0);
    return [frontends, slots, sourceRanges, affinities].map(({ maxEntries }) => maxEntries);
  };
  assert.deepEqual(sizesOf(true), [64, 64, 64, 64]);
  assert.deepEqual(sizesOf(false), [1, 1, 1, 1]);
  assert.deepEqual(sizesOf(true), [64, 64, 64, 64]);
});
