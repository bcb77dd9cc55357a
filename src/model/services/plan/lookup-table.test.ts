import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../../net/address.ts';
import type { Port } from '../../../net/port.ts';
import { lookupPlaces, lookupTable } from './lookup-table.ts';

const networks: Readonly<Record<string, (last: number) => string>> = {
  IPv4: (last) => `10.78.2.${last}`,
  IPv6: (last) => `fd00:78:2::${last.toString(16)}`,
};

function backendsIn(network: (last: number) => string, count = 100) {
  return Array.from({ length: count }, (_, index) => ({
    ...{ address: parseAddress(network(index + 1)), port: 8080 as Port },
  }));
}

/** The address for each place. */
function namesIn(backends: ReturnType<typeof backendsIn>): readonly string[] {
  return Array.from(lookupTable(backends), (index) => backends[index]?.address ?? assert.fail());
}

for (const [family, network] of Object.entries(networks)) {
  test(`each of 100 backends has a hundredth of the places, ${family}`, () => {
    const counts = new Map<string, number>();
    for (const name of namesIn(backendsIn(network))) counts.set(name, (counts.get(name) ?? 0) + 1);
    const share = Math.floor(lookupPlaces / 100);
    assert.equal(counts.size, 100);
    for (const count of counts.values()) assert.ok(count === share || count === share + 1);
  });

  test(`without one of 100 backends, at most 2 % of the other places change, ${family}`, (context) => {
    const backends = backendsIn(network);
    const before = namesIn(backends);
    let worst = 0;
    for (const { address } of backends) {
      const after = namesIn(backends.filter((each) => each.address !== address));
      const others = before.filter((name) => name !== address).length;
      const moved = before.filter((name, place) => name !== address && name !== after[place]);
      worst = Math.max(worst, moved.length / others);
    }
    context.diagnostic(`at most ${(100 * worst).toFixed(2)} % move`);
    assert.ok(worst <= 0.02, `${worst}`);
  });
}

test('the order in which a node numbers the backends does not matter', () => {
  const backends = backendsIn((last) => `10.78.2.${last}`, 17);
  assert.deepEqual(namesIn(backends.toReversed()), namesIn(backends));
});

test('one backend has every place, and more backends than places have one each', () => {
  assert.deepEqual(new Set(lookupTable(backendsIn(() => '10.78.2.1', 1))), new Set([0]));
  const many = backendsIn((last) => `10.${last >> 16}.${(last >> 8) & 255}.${last & 255}`, 17_000);
  assert.equal(new Set(lookupTable(many)).size, lookupPlaces);
});
