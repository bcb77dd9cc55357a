import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  applied,
  has,
  log,
  mapped,
  walksSettled as settled,
  Walks,
} from '../../../test/support/connection-walks.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import { parseAddress } from '../../net/address.ts';
import { StaleConnections } from './stale-connections.ts';
import type { WalkResult } from './walk.ts';

test('the table is walked at the start, and again only when rules were restored', async () => {
  const walks = new Walks();
  walks.connections.settled(applied());
  await settled();
  assert.equal(walks.all.length, 1);
  await walks.end();
  walks.connections.settled(applied());
  await settled();
  assert.equal(walks.all.length, 1, 'the same in another object');
  walks.connections.noticeRestored();
  walks.connections.settled(applied());
  await settled();
  assert.equal(walks.all.length, 2);
});

test('those who ask during a walk share the next', async () => {
  const walks = new Walks();
  walks.connections.settled(applied());
  await settled();
  const ended: string[] = [];
  for (const name of ['one', 'two']) {
    void walks.connections.endpointChanged(mapped, true).then(() => ended.push(name));
  }
  await settled();
  assert.equal(walks.all.length, 1);
  await walks.end();
  assert.equal(walks.all.length, 2);
  assert.deepEqual(ended, []);
  await walks.end();
  assert.deepEqual(ended, ['one', 'two']);
});

test('an endpoint without host ports is not waited for', async () => {
  const walks = new Walks();
  await walks.connections.endpointChanged({ ...mapped, portMappings: [] }, true);
  assert.equal(walks.all.length, 0);
});

test('what a pod left is looked for; who has its address next waits for that', async () => {
  const walks = new Walks();
  const plain = { addresses: mapped.addresses } as unknown as LocalEndpoint;
  const formers = (): readonly string[] => [...(walks.all.at(-1)?.rules.formerPods ?? [])];
  walks.connections.settled(applied());
  await settled();
  await walks.connections.endpointChanged(plain, false);
  const ended: string[] = [];
  const next = { ...plain };
  void walks.connections.endpointChanged(next, true).then(() => ended.push('added'));
  await settled();
  assert.deepEqual([walks.all.length, ended], [1, []]);
  await walks.end();
  assert.deepEqual([walks.all.length, formers(), ended], [2, plain.addresses, []]);
  await walks.end();
  assert.deepEqual(ended, ['added']);
  // The next walk takes it for nobody's but who has it now.
  walks.connections.settled(applied({ endpoints: [next] }));
  void walks.connections.endpointChanged(mapped, true);
  await settled();
  assert.deepEqual([walks.all.length, formers()], [3, []]);
  walks.connections[Symbol.dispose]();
});

test('pods that go together share a walk that comes after them', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const walks = new Walks();
  walks.connections.settled(applied());
  await settled();
  await walks.end();
  const addresses = ['192.0.2.3', '192.0.2.4'].map((text) => parseAddress(text));
  for (const address of addresses) {
    const plain = { addresses: [address] } as unknown as LocalEndpoint;
    await walks.connections.endpointChanged(plain, false);
    context.mock.timers.tick(200);
    await settled();
  }
  assert.equal(walks.all.length, 1);
  context.mock.timers.tick(200);
  await settled();
  assert.deepEqual([walks.all.length, [...(walks.all[1]?.rules.formerPods ?? [])]], [2, addresses]);
  await walks.end();
  context.mock.timers.tick(10_000);
  await settled();
  assert.equal(walks.all.length, 2);
});

test('a pod that came during a walk is one that there is', async () => {
  const walks = new Walks();
  const hasPod = (): unknown => walks.all[0]?.rules.hasPod?.(parseAddress('192.0.2.2'));
  walks.connections.settled(applied());
  await settled();
  assert.equal(hasPod(), false);
  walks.connections.settled(applied({ endpoints: [{ ...mapped, portMappings: [] }] }));
  assert.equal(hasPod(), true);
  walks.connections[Symbol.dispose]();
});

test('host ports of an endpoint that went are looked for once, as gone', async () => {
  const walks = new Walks();
  walks.connections.settled(applied({ endpoints: [mapped] }));
  await settled();
  assert.deepEqual(
    [has(walks.all[0]?.rules.hostPorts), has(walks.all[0]?.rules.formerPorts)],
    [true, false],
  );
  await walks.end();
  walks.connections.settled(applied());
  void walks.connections.endpointChanged(mapped, false);
  await settled();
  assert.deepEqual(
    [has(walks.all[1]?.rules.hostPorts), has(walks.all[1]?.rules.formerPorts)],
    [false, true],
  );
  await walks.end();
  walks.connections.noticeRestored();
  walks.connections.settled(applied());
  await settled();
  assert.equal(has(walks.all.at(-1)?.rules.formerPorts), false);
  walks.connections[Symbol.dispose]();
});

test('what cannot be read is told, and the next walk is made all the same', async () => {
  const errors: string[] = [];
  const walk = async (): Promise<WalkResult> => {
    throw new Error('conntrack list: EINVAL');
  };
  const connections = new StaleConnections({
    log,
    onError: (text) => void errors.push(text),
    walk,
  });
  await connections.endpointChanged(mapped, false);
  await connections.endpointChanged(mapped, false);
  assert.deepEqual(errors, Array(2).fill('connections: conntrack list: EINVAL'));
});
