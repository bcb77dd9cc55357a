import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Port } from '../../net/port.ts';
import { PortClaims } from './port-claims.ts';
import type { ServiceCheckChange } from './service-checks.ts';

const web = 31000 as Port;
const db = 31001 as Port;

function check(name: string, port: Port, localEndpoints = 1): ServiceCheckChange {
  return [`shop/${name}`, { namespace: 'shop', name, port, localEndpoints }];
}

test('two Services can exchange their ports in one step', () => {
  const claims = new PortClaims();
  assert.deepEqual([...claims.apply([check('web', web), check('db', db)])], [web, db]);
  assert.deepEqual([...claims.apply([check('web', db), check('db', web)])], [web, db]);
  assert.equal(claims.get(web)?.name, 'db');
  assert.equal(claims.get(db)?.name, 'web');
});

test('another number of endpoints changes no claim', () => {
  const claims = new PortClaims();
  claims.apply([check('web', web)]);
  assert.equal(claims.apply([check('web', web, 7)]).size, 0);
  assert.equal(claims.get(web)?.localEndpoints, 7);
});

test('of several Services with one port the first has it, and the next inherits it', () => {
  const claims = new PortClaims();
  claims.apply([check('web', web), check('shadow', web)]);
  claims.apply([check('web', web, 3)]);
  assert.deepEqual(claims.claimants(web), ['shop/web', 'shop/shadow']);
  assert.deepEqual([...claims.apply([['shop/web', undefined]])], [web]);
  assert.equal(claims.get(web)?.name, 'shadow');
  claims.apply([['shop/shadow', undefined]]);
  assert.equal(claims.get(web), undefined);
  assert.deepEqual(claims.claimants(web), []);
});
