import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serviceOf } from '../../../test/support/service-objects.ts';
import { KeyedCollection } from '../../base/collections/collection.ts';
import type { CompiledService } from '../../model/services/compiled.ts';
import type { Port } from '../../net/port.ts';
import { ServiceChecks } from './service-checks.ts';

function compiled(name: string, port?: number, localEndpoints = 0): CompiledService {
  const healthCheck = port === undefined ? undefined : { port: port as Port, localEndpoints };
  return { service: serviceOf(name), ports: [], healthCheck };
}

test('only Services with a health check port are followed, and only what changes about it', () => {
  const services = new KeyedCollection<string, CompiledService>();
  const checks = new ServiceChecks();
  const of = (name: string, port: number, localEndpoints: number) => [
    `shop/${name}`,
    { namespace: 'shop', name, port, localEndpoints },
  ];
  services.set('shop/web', compiled('web', 31000, 2));
  services.set('shop/db', compiled('db'));
  assert.deepEqual(checks.read(services), [of('web', 31000, 2)]);
  assert.deepEqual(checks.read(services), []);
  // Another change of the Service.
  services.set('shop/web', compiled('web', 31000, 2));
  assert.deepEqual(checks.read(services), []);
  services.set('shop/web', compiled('web', 31000, 0));
  services.set('shop/db', compiled('db', 31001, 1));
  assert.deepEqual(checks.read(services), [of('web', 31000, 0), of('db', 31001, 1)]);
  services.set('shop/web', compiled('web'));
  services.delete('shop/db');
  assert.deepEqual(checks.read(services), [
    ['shop/web', undefined],
    ['shop/db', undefined],
  ]);
});

test('a collection that replaces the one that was read is compared as a whole', () => {
  const checks = new ServiceChecks();
  const first = new KeyedCollection<string, CompiledService>();
  first.set('shop/web', compiled('web', 31000, 2));
  first.set('shop/db', compiled('db', 31001, 1));
  checks.read(first);
  const second = new KeyedCollection<string, CompiledService>();
  second.set('shop/web', compiled('web', 31000, 2));
  assert.deepEqual(checks.read(second), [['shop/db', undefined]]);
});
