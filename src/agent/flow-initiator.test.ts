import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FlowKey, flowDirection } from '../datapath/generated.ts';
import type { ConntrackEntry } from '../kernel/conntrack-record.ts';
import { parseAddress } from '../net/address.ts';
import { parsePort } from '../net/port.ts';
import { beganByDestination } from './flow-initiator.ts';

const [low, high] = ['192.0.2.1', '192.0.2.200'].map((text) => parseAddress(text));

function tracked(isLowFirst: boolean): ConntrackEntry {
  const [source, destination] = isLowFirst ? [low, high] : [high, low];
  const [sourcePort, destinationPort] = isLowFirst ? [40000, 53] : [53, 40000];
  const original = {
    source,
    destination,
    sourcePort: parsePort(sourcePort),
    destinationPort: parsePort(destinationPort),
  };
  return { protocol: 17, original } as unknown as ConntrackEntry;
}

const cases = [
  { isLowFirst: true, initiator: flowDirection.low, expected: false },
  { isLowFirst: true, initiator: flowDirection.high, expected: true },
  { isLowFirst: false, initiator: flowDirection.low, expected: true },
  { isLowFirst: false, initiator: flowDirection.high, expected: false },
] as const;

for (const { isLowFirst, initiator, expected } of cases) {
  const source = isLowFirst ? 'low' : 'high';
  const began = initiator === flowDirection.low ? 'low' : 'high';
  test(`tracked from the ${source} end, begun by the ${began} end`, () => {
    const asked: FlowKey[] = [];
    const flows = {
      get: (key: FlowKey) => {
        asked.push(key);
        return { initiator };
      },
    };
    assert.equal(beganByDestination(flows, tracked(isLowFirst)), expected);
    assert.deepEqual(asked, [{ low, high, lowPort: 40000, highPort: 53, protocol: 17 }]);
  });
}

test('a flow that the data path does not know, and one without ports, are nothing it says', () => {
  assert.equal(beganByDestination({ get: () => undefined }, tracked(true)), undefined);
  const { sourcePort: _, ...original } = tracked(true).original;
  const flows = { get: () => assert.fail('asked') };
  assert.equal(beganByDestination(flows, { ...tracked(true), original }), undefined);
});
