import assert from 'node:assert/strict';
import { test } from 'node:test';
import { macBytes, macFromBytes, parseMac } from './mac.ts';
import { parsePort } from './port.ts';
import { protocolName } from './protocol.ts';

test('a MAC becomes lower-case text and survives conversion to bytes and back', () => {
  const mac = parseMac('02:00:5E:10:00:0F');
  assert.equal(mac, '02:00:5e:10:00:0f');
  assert.deepEqual([...macBytes(mac)], [2, 0, 0x5e, 0x10, 0, 15]);
  assert.equal(macFromBytes(macBytes(mac)), mac);
});

test('text that is not a MAC is refused', () => {
  for (const text of [
    '',
    '02:00:5e:10:00',
    '02-00-5e-10-00-01',
    '02:00:5e:10:00:01:02',
    '02:00:5e:10:00:0g',
  ])
    assert.throws(() => parseMac(text), { name: 'InputError' });
});

test('ports are whole numbers from 1 to 65535, also as text', () => {
  for (const value of [1, 65_535, '8080']) assert.equal(parsePort(value), Number(value));
  for (const value of [0, 65_536, 1.5, Number.NaN, '', '80a', '-1', '0x50', null, undefined])
    assert.throws(() => parsePort(value, 'Service shop/db', 'spec.ports[0].port'), {
      name: 'InputError',
      message: /^Service shop\/db: spec\.ports\[0\]\.port: .*is not a port \(1-65535\)$/,
    });
});

test('protocols have their names, unknown ones their number', () => {
  assert.deepEqual([1, 6, 17, 58, 132, 47].map(protocolName), [
    'icmp',
    'tcp',
    'udp',
    'icmpv6',
    'sctp',
    '47',
  ]);
});
