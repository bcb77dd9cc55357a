import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FlowEvent, flowEventKind } from '../datapath/generated.ts';
import { parseAddress } from '../net/address.ts';
import { LedFlows } from './led-flows.ts';

const frontend = parseAddress('10.96.0.1');

function event(sourcePort: number, fields: Partial<FlowEvent> = {}): FlowEvent {
  return {
    ...{ timeNs: 1, createdNs: 1, protocol: 6, kind: flowEventKind.new },
    ...{ source: parseAddress('192.0.2.1'), destination: parseAddress('192.0.2.2') },
    ...{ sourcePort, destinationPort: 8080, frontend, frontendPort: 80 },
    ...{ reason: 0, direction: 0, ifindex: 1, tcpFlags: 0, bytes: [0, 0], packets: [0, 0] },
    ...fields,
  };
}

function subject(capacity?: number) {
  let looks = 0;
  const look = () => {
    looks++;
    return () => ({ name: `shop/web${looks}` });
  };
  return { led: new LedFlows(look, capacity), looks: () => looks };
}

const close = { kind: flowEventKind.close, frontendPort: 0 };
const service = { name: 'shop/web1', address: frontend, port: 80 };

test('a flow has its Service when it begins, and once more when it ends', () => {
  const { led } = subject();
  assert.deepEqual(led.ofEvent(event(1)), service);
  assert.equal(led.ofEvent(event(2, close)), undefined, 'another flow');
  assert.equal(led.ofEvent(event(1, { ...close, protocol: 17 })), undefined, 'another protocol');
  assert.deepEqual(led.ofEvent(event(1, close)), service);
  assert.equal(led.ofEvent(event(1, close)), undefined);
});

test('an idle flow has its Service when it is removed', () => {
  const { led } = subject();
  led.ofEvent(event(1));
  assert.deepEqual(led.ended(event(1)), service);
  assert.equal(led.ended(event(1)), undefined);
});

test('a later flow with the same ends and without a Service has none', () => {
  const { led } = subject();
  led.ofEvent(event(1));
  assert.equal(led.ofEvent(event(1, { frontendPort: 0 })), undefined);
  assert.equal(led.ofEvent(event(1, close)), undefined);
});

test('a dropped packet has no Service and ends no flow', () => {
  const { led } = subject();
  led.ofEvent(event(1));
  assert.equal(led.ofEvent(event(1, { kind: flowEventKind.drop })), undefined);
  assert.deepEqual(led.ofEvent(event(1, close)), service);
});

test('only so many flows are remembered: the oldest go first', () => {
  const { led } = subject(2);
  for (const port of [1, 2, 3]) led.ofEvent(event(port));
  const left = [1, 2, 3].map((port) => led.ofEvent(event(port, close)) !== undefined);
  assert.deepEqual(left, [false, true, true]);
});

test('Services are looked at once for a batch, and only if a flow has one', () => {
  const { led, looks } = subject();
  led.ofEvent(event(1, { frontendPort: 0 }));
  assert.equal(looks(), 0);
  led.ofEvent(event(1));
  led.ofEvent(event(2));
  assert.equal(looks(), 1);
  led.refresh();
  assert.equal(led.ofEvent(event(3))?.name, 'shop/web2');
});
