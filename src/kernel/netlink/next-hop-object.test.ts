// Next-hop objects as the kernel lists them, inserted into the routes that refer to them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePrefix } from '../../net/prefix.ts';
import { withNextHopObjects } from './next-hop-object.ts';
import type { Dumps } from './protocol/request.ts';
import type { RouteRecord } from './route-record.ts';

/** One answer: struct nhmsg, then attributes. */
function answer(...attributes: readonly (readonly [type: number, value: string])[]): Buffer {
  const parts = attributes.map(([type, value]) => {
    const bytes = Buffer.from(value.replaceAll(' ', ''), 'hex');
    const attribute = Buffer.alloc((4 + bytes.length + 3) & ~3);
    attribute.writeUInt16LE(4 + bytes.length, 0);
    attribute.writeUInt16LE(type, 2);
    attribute.set(bytes, 4);
    return attribute;
  });
  return Buffer.concat([Buffer.alloc(8), ...parts]);
}

const viaRouter = answer([1, '01000000'], [5, '07000000'], [6, 'c0000202']);
const viaIpv6 = answer(
  [1, '02000000'],
  [5, '08000000'],
  [6, '20010db8 00000000 00000000 00000002'],
);
const group = answer([1, '03000000'], [2, '01000000 02 00 0000 02000000 2c 01 0000']);
const blackhole = answer([1, '04000000'], [4, '']);

class Listed implements Dumps {
  readonly #answers: readonly Buffer[];
  asked = 0;

  constructor(answers: readonly Buffer[]) {
    this.#answers = answers;
  }

  dump<Result>(_: unknown, read: (payload: Buffer) => Result | undefined): Result[] {
    this.asked++;
    return this.#answers.flatMap((bytes) => read(bytes) ?? []);
  }
}

function route(nextHopId: number | undefined): RouteRecord {
  const destination = parsePrefix('0.0.0.0/0');
  return { destination, type: 'unicast', protocol: 4, table: 254, nextHopId };
}

const ways: readonly (readonly [string, number, object])[] = [
  ['an interface and a gateway', 1, { ifIndex: 7, gateway: '192.0.2.2' }],
  ['a gateway of the other family', 2, { ifIndex: 8, gateway: '2001:db8::2' }],
  [
    'those of a group, with their weights',
    3,
    {
      nextHops: [
        { ifIndex: 7, gateway: '192.0.2.2', weight: 3 },
        { ifIndex: 8, gateway: '2001:db8::2', weight: 301 },
      ],
    },
  ],
  ['none of a black hole', 4, {}],
];
for (const [what, id, expected] of ways) {
  test(`a route with a next-hop object has ${what}`, () => {
    const listed = new Listed([viaRouter, viaIpv6, group, blackhole]);
    const { nextHopId: _, ...rest } = route(id);
    assert.deepEqual(withNextHopObjects(listed, [route(id)]), [{ ...rest, ...expected }]);
  });
}

test('a route whose object was deleted meanwhile stays as listed', () => {
  const routes = [route(9)];
  assert.deepEqual(withNextHopObjects(new Listed([viaRouter]), routes), routes);
});

test('without such routes the kernel is not queried', () => {
  const listed = new Listed([viaRouter]);
  const routes = [route(undefined)];
  assert.equal(withNextHopObjects(listed, routes), routes);
  assert.equal(listed.asked, 0);
});

test('damaged objects are refused', () => {
  const damaged = [
    viaRouter.subarray(0, 4),
    answer([1, '0100']),
    answer([1, '01000000'], [2, '0100']),
  ];
  for (const bytes of damaged) {
    const refused = (): unknown => withNextHopObjects(new Listed([bytes]), [route(1)]);
    assert.throws(refused, { code: 'EBADMSG' });
  }
});
