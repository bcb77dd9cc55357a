import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nftEntriesFor } from '../../../test/support/nft-states.ts';
import { trace } from '../../../test/support/rule-tracer.ts';
import { documentationNode } from '../../../test/support/traced-packet.ts';
import { packetMarks } from '../../model/ids.ts';

const table = { entries: nftEntriesFor({}), node: documentationNode };
const flows = [
  { source: '192.0.2.5', destination: '10.9.2.7' },
  { source: '2001:db8:1::5', destination: '2001:db8:2::7' },
];

for (const flow of flows) {
  test(`a packet of a direct flow that passes the stack is not tracked, and loses its mark: ${flow.source}`, () => {
    const packet = { ...flow, protocol: 'tcp', destinationPort: 80 } as const;
    const marked = trace(table, 'prerouting', { ...packet, mark: 0x68656464 });
    assert.deepEqual(marked.rules, ['direct 1']);
    assert.deepEqual(marked.packet, { ...packet, mark: 0, state: 'untracked' });
    for (const mark of [undefined, 0x1, 0x68656465]) {
      const other = mark === undefined ? packet : { ...packet, mark };
      assert.deepEqual(trace(table, 'prerouting', other), {
        ...{ verdict: 'accept', rules: [], counters: [] },
        packet: other,
      });
    }
  });
}

test('what comes with the mark of queued packets loses it', () => {
  const packet = { source: '203.0.113.9', destination: '192.0.2.5', protocol: 'udp' } as const;
  const traced = trace(table, 'prerouting', { ...packet, mark: packetMarks.queued });
  assert.deepEqual([traced.rules, traced.verdict], [['direct 2'], 'accept']);
  assert.deepEqual(traced.packet, { ...packet, mark: 0 });
});
