import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FlowKey, flowDirection } from '../../datapath/generated.ts';
import type { ConntrackEntry } from '../../kernel/netfilter/conntrack-record.ts';
import { parseAddress } from '../../net/address.ts';
import { parsePort } from '../../net/port.ts';
import { beganByDestination } from './flow-initiator.ts';

const [low, high] = ['192.0.2.1', '192.0.2.200'].map((text) => parseAddress(text));

function tracked(
  isLowFirst: boolean,
  { protocol = 17, assured = false }: { protocol?: number; assured?: boolean } = {},
): ConntrackEntry {
  const [source, destination] = isLowFirst ? [low, high] : [high, low];
  const [sourcePort, destinationPort] = isLowFirst ? [40000, 53] : [53, 40000];
  const original = {
    source,
    destination,
    sourcePort: parsePort(sourcePort),
    destinationPort: parsePort(destinationPort),
  };
  return { protocol, original, status: { assured } } as unknown as ConntrackEntry;
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
        return { initiator, tcpFlags: [0, 0] as const };
      },
    };
    assert.equal(beganByDestination(flows, tracked(isLowFirst)), expected);
    assert.deepEqual(asked, [{ low, high, lowPort: 40000, highPort: 53, protocol: 17 }]);
  });
}

test('an unknown flow and a flow without ports have no initiator', () => {
  assert.equal(beganByDestination({ get: () => undefined }, tracked(true)), undefined);
  const { sourcePort: _, ...original } = tracked(true).original;
  const flows = { get: () => assert.fail('asked') };
  assert.equal(beganByDestination(flows, { ...tracked(true), original }), undefined);
});

const [syn, synAck, ack] = [0x02, 0x12, 0x10] as const;

for (const { what, protocol = 6, assured = true, flags, expected } of [
  { what: 'TCP with the SYN of both ends', flags: [synAck, syn | ack], expected: true },
  { what: 'TCP that was picked up at the SYN-ACK', flags: [ack, synAck], expected: undefined },
  { what: 'TCP that was picked up in the middle', flags: [ack, ack], expected: undefined },
  {
    what: 'TCP that is tracked since a moment',
    assured: false,
    flags: [ack, ack],
    expected: undefined,
  },
  { what: 'datagrams for a while', protocol: 17, flags: [0, 0], expected: undefined },
  { what: 'datagrams since a moment', protocol: 17, assured: false, flags: [0, 0], expected: true },
  { what: 'SCTP for a while', protocol: 132, flags: [0, 0], expected: undefined },
] as const) {
  test(`the first sender of a known flow is its initiator: ${what}: ${expected}`, () => {
    const flows = { get: () => ({ initiator: flowDirection.high, tcpFlags: flags }) };
    assert.equal(beganByDestination(flows, tracked(true, { protocol, assured })), expected);
  });
}
