import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Dumps } from '../../../kernel/netlink/protocol/request.ts';
import type { IfIndex } from '../../../net/if-index.ts';
import { ForeignNeighbours } from './foreign-neighbours.ts';

const [eth0, eth1] = [2 as IfIndex, 3 as IfIndex];

test('neighbours at uplinks are listed again after a pause or a change of uplinks', () => {
  let nowMs = 0;
  let dumps = 0;
  const socket: Dumps = {
    dump: () => {
      dumps++;
      return [];
    },
  };
  const neighbours = new ForeignNeighbours(socket, () => nowMs);
  const first = neighbours.look([eth0]);
  nowMs += 9_000;
  assert.equal(neighbours.look([eth0]), first);
  assert.equal(dumps, 1, 'it rests');
  neighbours.look([eth0, eth1]);
  assert.equal(dumps, 3);
  nowMs += 11_000;
  const last = neighbours.look([eth0, eth1]);
  assert.equal(dumps, 5);
  nowMs += 11_000;
  assert.equal(neighbours.look([eth0, eth1]), last, 'the same while nothing changes');
});
