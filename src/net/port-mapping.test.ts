import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from './address.ts';
import type { Port } from './port.ts';
import { isReachedByLoopback, type PortMapping, TakenPorts } from './port-mapping.ts';

const places = [undefined, '0.0.0.0', '::', '192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2'];

function mapping(place: string | undefined, fields: Partial<PortMapping> = {}): PortMapping {
  const [hostPort, containerPort] = [53 as Port, 5353 as Port];
  const at = place === undefined ? {} : { hostAddress: parseAddress(place) };
  return { protocol: 'udp', hostPort, containerPort, ...at, ...fields };
}

/** By the meaning of each address, in plain words. */
function collide(left: string | undefined, right: string | undefined): boolean {
  if (left === undefined || right === undefined || left === right) return true;
  const isOfOneFamily = left.includes(':') === right.includes(':');
  return isOfOneFamily && [left, right].some((place) => place === '0.0.0.0' || place === '::');
}

for (const left of places) {
  for (const right of places) {
    const isTaken = collide(left, right);
    test(`a port at ${left ?? 'all'} ${isTaken ? 'takes' : 'leaves'} the one at ${right ?? 'all'}`, () => {
      const taken = new TakenPorts<string>();
      taken.add(mapping(left), 'first');
      assert.equal(taken.ownerOf(mapping(right)), isTaken ? 'first' : undefined);
      assert.equal(taken.ownerOf(mapping(right, { protocol: 'tcp' })), undefined);
      assert.equal(taken.ownerOf(mapping(right, { hostPort: 54 as Port })), undefined);
    });
  }
}

test('the node reaches by 127.0.0.1 the mappings of every address, of every IPv4 address, or of loopback', () => {
  const reached = [...places, '127.0.0.1', '::1'].filter((place) =>
    isReachedByLoopback(mapping(place)),
  );
  assert.deepEqual(reached, [undefined, '0.0.0.0', '127.0.0.1']);
});
