// Next hops in the kernel's table of neighbours: the kernel resolves them itself, keeps them whatever else it holds,
// and they are removed again.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { neighbourTable } from '../../src/datapath/host/neighbours.ts';
import { nextHopTable } from '../../src/datapath/host/next-hops.ts';
import { batch } from '../../src/kernel/netlink/batch.ts';
import { addNeighbour, listNeighbours } from '../../src/kernel/netlink/neighbour.ts';
import type { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import type { NextHop } from '../../src/model/desired.ts';
import { parseAddress } from '../../src/net/address.ts';
import { addressAt, parsePrefix } from '../../src/net/prefix.ts';
import { runIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';
import {
  assertContract,
  assertListed,
  place,
  podMac,
  type TablePlace,
  up0,
} from '../support/table-contract.ts';

const hop4: NextHop = { address: parseAddress('198.51.100.2'), ifIndex: up0 };
const hop6: NextHop = { address: parseAddress('2001:db8:ffff::2'), ifIndex: up0 };
const router: NextHop = { address: parseAddress('fe80::fe'), ifIndex: up0 };
const hops = [hop4, hop6, router];
const desired = new Map(hops.map((hop) => [`${hop.address} dev index ${hop.ifIndex}`, hop]));

/** `198.51.100.2 managed extern_learn FAILED`, without a MAC. */
function shown({ ip }: TablePlace, { address }: NextHop): string {
  const line = ip('neigh', 'show', 'nud', 'all', 'to', address, 'dev', 'up0').trim();
  return line.replace(/ lladdr \S+| proto \d+/g, '');
}

/** The other end is another node, which answers for the addresses of `hop4` and `hop6`. */
function withNode(context: TestContext, { ip }: TablePlace): void {
  const other = testNamespace(context);
  ip('link', 'set', 'far0', 'netns', `/proc/${process.pid}/fd/${other.fd}`);
  const there = (...args: string[]): string => runIn(other, 'ip', ...args);
  there('link', 'set', 'far0', 'up');
  there('address', 'add', '198.51.100.2/24', 'dev', 'far0');
  there('address', 'add', '2001:db8:ffff::2/64', 'dev', 'far0', 'nodad');
}

async function eventually(check: () => void): Promise<void> {
  for (const deadline = Date.now() + 15_000; ; await setTimeout(50)) {
    try {
      return check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

rootTest('next hops are set, listed and deleted, whether they answer or not', (context) => {
  assertContract(nextHopTable(place(context).socket), hops);
});

rootTest(
  'the kernel resolves them by itself, and retries if there is no answer',
  async (context) => {
    const here = place(context);
    const table = nextHopTable(here.socket);
    assert.deepEqual(table.set(hops), []);
    await eventually(() => assert.match(shown(here, hop4), /managed extern_learn FAILED/));
    assertListed(table, desired);
    withNode(context, here);
    // Moving the other end took the carrier away: as after any change of a link, the agent looks again.
    assert.deepEqual(table.set(hops), []);
    for (const hop of [hop4, hop6]) {
      await eventually(() => assert.match(shown(here, hop), /managed extern_learn REACHABLE/));
    }
    assertListed(table, desired);
  },
);

rootTest('an entry that was resolved before keeps its MAC and state', async (context) => {
  const here = place(context);
  const table = nextHopTable(here.socket);
  const known = ['lladdr', podMac, 'dev', 'up0', 'nud', 'reachable'];
  for (const { address } of hops) here.ip('neigh', 'add', address, ...known);
  assert.equal(table.list(desired).size, 0);
  for (let round = 0; round < 2; round++) assert.deepEqual(table.set(hops), []);
  assertListed(table, desired);
  const found = listNeighbours(here.socket, { ifIndex: up0 }).filter(({ managed }) => managed);
  assert.deepEqual(
    found.map(({ mac, state }) => [mac, state]),
    hops.map(() => [podMac, 'reachable']),
  );
});

rootTest('an entry deleted or made ordinary by hand is visible, and set again', (context) => {
  const here = place(context);
  const table = nextHopTable(here.socket);
  table.set(hops);
  here.ip('neigh', 'delete', hop6.address, 'dev', 'up0');
  here.ip('neigh', 'replace', hop4.address, 'lladdr', podMac, 'dev', 'up0', 'nud', 'stale');
  assert.deepEqual(
    [...table.list(desired).values()].map(({ address }) => address),
    [router.address],
  );
  assert.deepEqual(table.set([hop4, hop6]), []);
  assertListed(table, desired);
});

rootTest("an administrator's permanent entry stays and counts like heddle's", (context) => {
  const here = place(context);
  const table = nextHopTable(here.socket);
  const permanent = ['lladdr', podMac, 'dev', 'up0', 'nud', 'permanent'];
  const untouched = (hop: NextHop): void => {
    const found = here.ip('neigh', 'show', 'to', hop.address, 'dev', 'up0');
    assert.match(found, new RegExp(`lladdr ${podMac} PERMANENT`));
  };
  here.ip('neigh', 'add', hop4.address, ...permanent);
  assert.deepEqual(table.set(hops), []);
  // Set over an entry of ours, whose protocol number the kernel keeps.
  here.ip('neigh', 'replace', hop6.address, ...permanent);
  assertListed(table, desired);
  assert.deepEqual(table.set(hops), []);
  assert.equal(neighbourTable(here.socket).list(new Map()).size, 0, "not taken for pods' entries");
  assert.deepEqual([...table.list(new Map()).keys()], [table.key(router)]);
  assert.deepEqual(table.delete(hops), []);
  for (const hop of [hop4, hop6]) untouched(hop);
  assert.equal(shown(here, router), '');
  here.ip('neigh', 'delete', hop4.address, 'dev', 'up0');
  assert.equal(table.list(desired).has(table.key(hop4)), false);
});

rootTest(
  'deleting an uplink deletes its next hops, and a recreated one gets them again',
  (context) => {
    const here = place(context);
    const table = nextHopTable(here.socket);
    table.set(hops);
    here.ip('link', 'set', 'up0', 'down');
    assert.equal(table.list(desired).size, 0);
    here.ip('link', 'set', 'up0', 'up');
    assert.deepEqual(table.set(hops), []);
    assertListed(table, desired);
    here.ip('link', 'delete', 'up0');
    assert.deepEqual(table.delete(hops), []);
    assert.deepEqual(
      table.set([hop4]).map(({ error }) => error.message),
      ['neigh add 198.51.100.2 dev index 7: ENODEV'],
    );
  },
);

rootTest('a full neighbour table has room for next hops, and for no others', (context) => {
  const here = place(context);
  const table = nextHopTable(here.socket);
  table.set([hop6]);
  const stranger = fillTable(here.socket);
  assert.throws(() => addNeighbour(here.socket, stranger), { code: 'ENOBUFS' });
  const later = { ...hop6, address: parseAddress('2001:db8:ffff::3') };
  assert.deepEqual(table.set([later]), []);
  here.ip('neigh', 'delete', hop6.address, 'dev', 'up0');
  assert.deepEqual(table.set([hop6]), []);
  const keys = [hop6, later].map((hop) => table.key(hop));
  assert.deepEqual([...table.list(new Map()).keys()].sort(), keys.sort());
  assert.throws(() => addNeighbour(here.socket, stranger), { code: 'ENOBUFS' });
});

/**
 * With entries of this namespace, though the table is one for all; they go with it. Returns one that finds no place: what is
 * younger than five seconds is not removed for it.
 */
function fillTable(socket: NetlinkSocket): Parameters<typeof addNeighbour>[1] {
  const range = parsePrefix('2001:db8:ffff::/64');
  const stranger = (index: number): Parameters<typeof addNeighbour>[1] => ({
    address: addressAt(range, BigInt(0x1_0000 + index)) ?? assert.fail(),
    ...{ ifIndex: up0, mac: podMac, state: 'stale' },
  });
  for (let first = 0; ; first += 64) {
    const outcomes = batch(socket, (requests) => {
      for (let index = first; index < first + 64; index++) addNeighbour(requests, stranger(index));
    });
    const refused = outcomes.findIndex((outcome) => outcome?.code === 'ENOBUFS');
    if (refused >= 0) return stranger(first + refused);
    assert.ok(first < 100_000, 'gc_thresh3 is too large to be reached');
  }
}
