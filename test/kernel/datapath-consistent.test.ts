// Consistent selection: nodes that number backends and lists differently give a flow the same backend.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { blocksOf, lookupsTable } from '../../src/datapath/services/lookups.ts';
import { type Address, parseAddress } from '../../src/net/address.ts';
import type { Port } from '../../src/net/port.ts';
import { type TestDatapath, testDatapath } from '../support/datapath.ts';
import { families } from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';
import { addFrontend, choiceOf, markedAs, shop } from '../support/service-packets.ts';

const port = 80;
const flows = 1500;

interface Node {
  readonly datapath: TestDatapath;
  readonly list: number;
  /** Of a backend's number. */
  readonly addressOf: ReadonlyMap<number, Address>;
}

interface Served {
  readonly list: number;
  readonly addresses: readonly Address[];
  readonly affinitySeconds?: number;
}

/** A node that has given the backends numbers in that order. */
function serve(context: TestContext, { list, addresses, affinitySeconds = 0 }: Served): Node {
  const datapath = testDatapath(context, { services: true });
  const backends = addresses.map((address, index) => ({
    ...{ address, port: 8080 as Port, number: list * 1000 + index },
  }));
  const { slots, lookups } = datapath.services;
  slots.setBatch(
    backends.map(({ address, number: backend }, index) => [
      { list, index },
      { list, backend, address, port: 8080 },
    ]),
  );
  const entries = blocksOf({ number: list, backends });
  const failures = lookupsTable(lookups).set([...entries].map(([, entry]) => entry));
  assert.deepEqual(failures, []);
  const inside = choiceOf(list, { count: backends.length });
  addFrontend(datapath, { address: shop, port, inside, affinitySeconds, isConsistent: true });
  return {
    datapath,
    list,
    addressOf: new Map(backends.map((each) => [each.number, each.address])),
  };
}

function chosen({ datapath, addressOf }: Node, family: 4 | 6, clientPort: number): Address {
  const packet = { client: 'world', family, protocol: 'tcp', to: shop, port, clientPort } as const;
  const [, number] = /^backend (\d+)/.exec(markedAs(datapath, packet)) ?? [];
  return addressOf.get(Number(number)) ?? assert.fail(`backend ${number}`);
}

function addressesTo(count: number): readonly Address[] {
  return Array.from({ length: count }, (_, index) => parseAddress(`10.78.9.${index + 1}`));
}

rootTest(
  "without one of 100 backends, at most 2 % of the others' flows move on another node",
  (context) => {
    const addresses = addressesTo(100);
    const [gone] = addresses;
    const first = serve(context, { list: 3, addresses });
    const same = serve(context, { list: 7, addresses: addresses.toReversed() });
    const without = serve(context, { list: 9, addresses: addresses.slice(1).toReversed() });
    for (const family of families) {
      const used = new Set<Address>();
      let [others, moved] = [0, 0];
      for (let flow = 0; flow < flows; flow++) {
        const before = chosen(first, family, 10_000 + flow);
        used.add(before);
        assert.equal(chosen(same, family, 10_000 + flow), before);
        if (before === gone) continue;
        others++;
        if (chosen(without, family, 10_000 + flow) !== before) moved++;
      }
      context.diagnostic(`IPv${family}: ${moved} of ${others} flows move`);
      assert.ok(moved <= 0.02 * others, `${moved} of ${others}`);
      assert.ok(used.size > 95, `${used.size} of 100 backends are used`);
    }
  },
);

rootTest(
  'with affinity, all connections of a client have the same backend on every node',
  (context) => {
    const addresses = addressesTo(20);
    const first = serve(context, { list: 3, addresses, affinitySeconds: 10 });
    const second = serve(context, {
      list: 4,
      addresses: addresses.toReversed(),
      affinitySeconds: 10,
    });
    for (const family of families) {
      const backend = chosen(first, family, 10_000);
      for (let flow = 0; flow < 20; flow++)
        assert.equal(chosen(second, family, 20_000 + flow), backend);
    }
  },
);

rootTest(
  'without its table, or with a block of another list, a list is used by chance',
  (context) => {
    const node = serve(context, { list: 3, addresses: addressesTo(20) });
    const { lookups } = node.datapath.services;
    const used = (): number =>
      new Set(Array.from({ length: 100 }, () => chosen(node, 4, 10_000))).size;
    assert.equal(used(), 1);
    const blocks = [...lookups.entries()];
    for (const [key, block] of blocks) lookups.set(key, { ...block, list: 4 });
    assert.ok(used() > 5);
    for (const [key, { slots }] of blocks) lookups.set(key, { list: 3, slots: slots.fill(0xff) });
    assert.ok(used() > 5, 'no place has a slot');
    for (const [key] of blocks) lookups.delete(key);
    assert.ok(used() > 5);
  },
);
