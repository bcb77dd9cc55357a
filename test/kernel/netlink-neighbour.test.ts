import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { batch } from '../../src/kernel/netlink/batch.ts';
import {
  addNeighbour,
  delNeighbour,
  listNeighbours,
  replaceNeighbour,
} from '../../src/kernel/netlink/neighbour.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { addVeth } from '../../src/kernel/netlink/veth.ts';
import { parseAddress } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { parseMac } from '../../src/net/mac.ts';
import { addressAt, parsePrefix } from '../../src/net/prefix.ts';
import { testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const ifIndex = 7 as IfIndex;
const mac = parseMac('02:00:5e:10:00:01');
const pod4 = { ifIndex, address: parseAddress('192.0.2.7'), mac, state: 'permanent' } as const;
const pod6 = { ...pod4, address: parseAddress('2001:db8::7') } as const;

function linked(context: TestContext): NetlinkSocket {
  const socket = NetlinkSocket.open({ namespace: testNamespace(context) });
  context.after(() => socket[Symbol.dispose]());
  addVeth(socket, { name: 'veth0', ifIndex, up: true, peer: { name: 'veth1' } });
  return socket;
}

rootTest('a neighbour of each family is replaced twice and listed once', (context) => {
  const socket = linked(context);
  for (const neighbour of [pod4, pod6]) {
    replaceNeighbour(socket, neighbour);
    replaceNeighbour(socket, neighbour);
  }
  assert.deepEqual(listNeighbours(socket, { ifIndex }), [pod4, pod6]);
});

rootTest('replacing sets the new MAC', (context) => {
  const socket = linked(context);
  const moved = { ...pod4, mac: parseMac('02:00:5e:10:00:02') };
  replaceNeighbour(socket, pod4);
  replaceNeighbour(socket, moved);
  assert.deepEqual(listNeighbours(socket, { ifIndex }), [moved]);
});

rootTest('a neighbour records who set it, and replacing can claim it', (context) => {
  const socket = linked(context);
  const ours = { ...pod4, protocol: 72 };
  replaceNeighbour(socket, pod4);
  replaceNeighbour(socket, ours);
  assert.deepEqual(listNeighbours(socket, { ifIndex }), [ours]);
});

rootTest('adding twice is refused', (context) => {
  const socket = linked(context);
  addNeighbour(socket, pod4);
  assert.throws(() => addNeighbour(socket, pod4), {
    code: 'EEXIST',
    message: 'neigh add 192.0.2.7 lladdr 02:00:5e:10:00:01 dev index 7: EEXIST',
  });
});

rootTest('deleting removes it, and a missing one is refused', (context) => {
  const socket = linked(context);
  for (const neighbour of [pod4, pod6]) {
    replaceNeighbour(socket, neighbour);
    delNeighbour(socket, neighbour);
    assert.throws(() => delNeighbour(socket, neighbour), { code: 'ENOENT' });
  }
  assert.deepEqual(
    listNeighbours(socket, { ifIndex }).filter(({ state }) => state === 'permanent'),
    [],
  );
});

rootTest('neighbours of other links are omitted by the kernel’s filter', (context) => {
  const socket = linked(context);
  addVeth(socket, { name: 'other0', ifIndex: 17 as IfIndex, up: true, peer: { name: 'other1' } });
  const other = { ...pod4, ifIndex: 17 as IfIndex };
  replaceNeighbour(socket, pod4);
  replaceNeighbour(socket, other);
  assert.deepEqual(listNeighbours(socket, { ifIndex: other.ifIndex }), [other]);
  assert.equal(listNeighbours(socket).filter(({ state }) => state === 'permanent').length, 2);
});

rootTest('a failing request in the middle of a batch does not affect the others', (context) => {
  const socket = linked(context);
  const missing = { ...pod6, ifIndex: 4711 as IfIndex };
  const outcomes = batch(socket, (requests) => {
    replaceNeighbour(requests, pod4);
    replaceNeighbour(requests, missing);
    replaceNeighbour(requests, pod6);
  });
  assert.deepEqual(
    outcomes.map((failure) => failure?.message),
    [
      undefined,
      'neigh replace 2001:db8::7 lladdr 02:00:5e:10:00:01 dev index 4711: ENODEV',
      undefined,
    ],
  );
  assert.deepEqual(listNeighbours(socket, { ifIndex }), [pod4, pod6]);
});

rootTest('many failures in one batch are reported separately', (context) => {
  const socket = linked(context);
  const range = parsePrefix('198.18.0.0/15');
  const outcomes = batch(socket, (requests) => {
    for (let index = 0; index < 500; index++) {
      const address = addressAt(range, BigInt(index));
      assert.ok(address);
      const at = (index % 2 === 0 ? ifIndex : 4711) as IfIndex;
      replaceNeighbour(requests, { ...pod4, address, ifIndex: at });
    }
  });
  assert.equal(outcomes.length, 500);
  outcomes.forEach((failure, index) => {
    assert.equal(failure?.code, index % 2 === 0 ? undefined : 'ENODEV');
  });
  assert.equal(listNeighbours(socket, { ifIndex }).length, 250);
});
