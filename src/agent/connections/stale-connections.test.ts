import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointCollection } from '../../../test/support/compute-desired.ts';
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

test('callers during a walk share the next one', async () => {
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

test('an endpoint without host ports does not wait for a walk', async () => {
  const walks = new Walks();
  await walks.connections.endpointChanged({ ...mapped, portMappings: [] }, true);
  assert.equal(walks.all.length, 0);
});

test('connections of a deleted pod are looked for, and the next owner of its address waits for that', async () => {
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
  // The next walk attributes it to the current owner of the address.
  walks.connections.settled(applied({ endpoints: endpointCollection([next]) }));
  void walks.connections.endpointChanged(mapped, true);
  await settled();
  assert.deepEqual([walks.all.length, formers()], [3, []]);
  walks.connections[Symbol.dispose]();
});

test('without masquerading and host ports only deleted pods cause a walk', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const walks = new Walks();
  const plain = { ...mapped, portMappings: [] };
  const off = { masquerade: undefined };
  walks.connections.settled(applied({ ...off, endpoints: endpointCollection([plain]) }));
  await settled();
  assert.equal(walks.all.length, 0);
  walks.connections.settled(applied(off));
  await walks.connections.endpointChanged(plain, false);
  context.mock.timers.tick(500);
  await settled();
  assert.deepEqual(
    walks.all.map(({ rules }) => [...(rules.formerPods ?? [])]),
    [plain.addresses],
  );
  await walks.end();
  walks.connections.noticeRestored();
  walks.connections.settled(applied(off));
  await settled();
  assert.equal(walks.all.length, 1, 'its connections are removed');
  walks.connections[Symbol.dispose]();
});

test('pods deleted together share one walk after their deletion', async (context) => {
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

test('a pod added during a walk counts as existing', async () => {
  const walks = new Walks();
  const hasPod = (): unknown => walks.all[0]?.rules.hasPod?.(parseAddress('192.0.2.2'));
  walks.connections.settled(applied());
  await settled();
  assert.equal(hasPod(), false);
  walks.connections.settled(
    applied({ endpoints: endpointCollection([{ ...mapped, portMappings: [] }]) }),
  );
  assert.equal(hasPod(), true);
  walks.connections[Symbol.dispose]();
});

test('host ports of a deleted endpoint are looked for once, as removed', async () => {
  const walks = new Walks();
  walks.connections.settled(applied({ endpoints: endpointCollection([mapped]) }));
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

test('a failed read is reported, and the next walk runs anyway', async () => {
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
