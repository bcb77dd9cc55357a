import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointCollection } from '../../../test/support/compute-desired.ts';
import {
  applied,
  first,
  mapped,
  masquerade,
  walksSettled as settled,
  Walks,
} from '../../../test/support/connection-walks.ts';
import { parseAddress } from '../../net/address.ts';
import { type Prefix, parsePrefix } from '../../net/prefix.ts';
import type { Exits } from '../host/exits.ts';
import type { AppliedTranslation } from './applied.ts';

const second = parseAddress('198.51.100.2');

const beside = parseAddress('198.51.100.3');

test('changed addresses of host ports trigger a walk, unchanged ones do not', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const walks = new Walks();
  const answering = (text: string): AppliedTranslation =>
    applied({ endpoints: endpointCollection([mapped]), hostPortAddresses: [parsePrefix(text)] });
  for (const [text, expected] of [
    ['192.0.2.0/25', 1],
    ['192.0.2.0/25', 1],
    ['192.0.2.0/26', 2],
  ] as const) {
    walks.connections.settled(answering(text));
    context.mock.timers.tick(10_000);
    await settled();
    if (walks.all.length === expected) await walks.end();
    context.mock.timers.tick(10_000);
    await settled();
    assert.equal(walks.all.length, expected);
  }
  assert.deepEqual(walks.all[1]?.rules.hostPortAddresses, ['192.0.2.0/26']);
  walks.connections[Symbol.dispose]();
});

test("only destinations exempt since the last walk may have been masqueraded by heddle's rules", async () => {
  const [one, two] = ['192.0.2.0/25', '203.0.113.0/24'].map((text) => parsePrefix(text));
  assert(one !== undefined && two !== undefined);
  const exempting = (...exempt: Prefix[]): AppliedTranslation =>
    applied({ masquerade: { sources: [], exempt, nodeSources: [] } });
  for (const [isWritten, atStart] of [
    [false, [one]],
    [true, []],
  ] as const) {
    const walks = new Walks();
    const before = async (): Promise<unknown> => {
      void walks.connections.endpointChanged(mapped, true);
      await settled();
      await walks.end();
      return walks.all.at(-1)?.rules.exemptBefore;
    };
    walks.connections.settled({ ...exempting(one), isWritten });
    await settled();
    assert.deepEqual(walks.all[0]?.rules.exemptBefore, atStart);
    await walks.end();
    assert.deepEqual(await before(), [one], 'a pod comes');
    walks.connections.settled({ ...exempting(one, two), isWritten: true });
    assert.deepEqual(await before(), [one]);
    assert.deepEqual(await before(), [one, two]);
    for (const [was, expected] of [
      ['missing', [one, two]],
      ['changed', []],
    ] as const) {
      walks.connections.noticeRestored(was);
      walks.connections.settled({ ...exempting(one, two), isWritten: true });
      await settled();
      assert.deepEqual(walks.all.at(-1)?.rules.exemptBefore, expected, `our table was ${was}`);
      await walks.end();
    }
    walks.connections[Symbol.dispose]();
  }
});

test('a changed exit triggers a walk, which finds connections by the former exit', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const walks = new Walks();
  const exits = (...names: string[]): Exits => new Map([[parsePrefix('0.0.0.0/0'), names]]);
  const hasMoved = (): boolean | undefined =>
    walks.all.at(-1)?.rules.hasMoved?.(parseAddress('203.0.113.9'), ['eth0']);
  const walkOf = async (way: Exits): Promise<unknown> => {
    walks.connections.settled(applied({ exits: way }));
    context.mock.timers.tick(10_000);
    await settled();
    const seen = [walks.all.length, hasMoved()];
    await walks.end();
    return seen;
  };
  assert.deepEqual(await walkOf(exits('eth0')), [1, undefined], 'at the start nothing has moved');
  assert.deepEqual(await walkOf(exits('eth0')), [1, undefined], 'the same in another object');
  assert.deepEqual(await walkOf(exits('eth1')), [2, true]);
  assert.deepEqual(await walkOf(exits('eth0')), [3, false]);
  assert.deepEqual(await walkOf(new Map()), [4, false]);
  assert.deepEqual(await walkOf(exits('eth1')), [5, true]);
  // It returns and leaves again before the next walk: connections begun meanwhile have moved.
  walks.connections.settled(applied({ exits: exits('eth0') }));
  assert.deepEqual(await walkOf(exits('eth1')), [6, true]);
  assert.deepEqual(await walkOf(exits('eth1')), [6, true], 'no walk, the last one as it was');
  walks.connections[Symbol.dispose]();
});

const changes = [
  { what: 'exchanged', before: first, after: second, former: [first] },
  { what: 'lost', before: first, after: undefined, former: [first] },
  { what: 'gained', before: undefined, after: first, former: [beside] },
  { what: 'kept', before: first, after: first, former: [] },
] as const;

for (const { what, before, after, former } of changes) {
  test(`an address of the node that is ${what} makes ${former.length} former`, async () => {
    const walks = new Walks();
    const host = {
      uplinks: [],
      addresses: [first, beside].map((address) => ({
        ...{ address, prefixLength: 24, ifName: 'eth0', leadsNowhere: false },
      })),
    };
    walks.connections.settled(applied({ masquerade: masquerade(before), host }));
    await settled();
    await walks.end();
    walks.connections.settled(applied({ masquerade: masquerade(after), host }));
    void walks.connections.endpointChanged(mapped, true);
    await settled();
    assert.deepEqual([...(walks.all[1]?.rules.formerSources ?? [])], former);
    walks.connections[Symbol.dispose]();
  });
}
