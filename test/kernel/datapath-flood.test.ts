// The state that decides the way of a connection must not be in a cache that another pod can flush: translated
// connections are idle while a neighbour opens two million flows. HEDDLE_FLOWS=N sets the number.

import assert from 'node:assert/strict';
import type { FlowKey } from '../../src/datapath/generated.ts';
import { parseAddress } from '../../src/net/address.ts';
import { testDatapath } from '../support/datapath.ts';
import { web } from '../support/datapath-network.ts';
import { floodFlows } from '../support/flow-flood.ts';
import { type Hop, hops, track, verdictOf } from '../support/owner-packets.ts';
import { families } from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';

const flows = Number(process.env['HEDDLE_FLOWS'] ?? 2_000_000);
const up = { from_pod: 'pass', from_network: 'next', from_overlay: 'next' } as const;

rootTest(`idle translated connections survive ${flows} flows of a neighbour`, (context) => {
  const datapath = testDatapath(context);
  const answers: readonly Hop[] = Object.values(hops);
  for (const [index, hop] of answers.entries()) {
    for (const family of families) {
      for (const protocol of ['tcp', 'udp'] as const) {
        const service = parseAddress(
          family === 4 ? `203.0.113.${50 + index}` : `2001:db8:eeee::${index}`,
        );
        const original = [hop.to[family], service] as const;
        track(datapath, { protocol, original, reply: [hop.from[family], hop.to[family]] });
      }
    }
  }
  const verdicts = (): readonly (readonly [string, string])[] =>
    families.flatMap((family) =>
      answers.flatMap((hop) =>
        (['tcp', 'udp'] as const).map(
          (protocol) =>
            [verdictOf(datapath, { hop, family, protocol, back: true }), up[hop.program]] as const,
        ),
      ),
    );
  for (const [found, expected] of verdicts()) assert.equal(found, expected);
  const ofWeb = (): readonly FlowKey[] =>
    [...datapath.flows.entries()]
      .map(([key]) => key)
      .filter(({ low, high }) =>
        [low, high].some((address) => address === web[4] || address === web[6]),
      );
  floodFlows(datapath, flows);
  const count = [...datapath.flows.entries()].length;
  assert.ok(count > datapath.flows.maxEntries / 2, `${count} entries after the flood`);
  // The order of eviction is approximate: entries that another CPU has made wait in its own list, out of reach.
  for (const key of ofWeb()) datapath.flows.delete(key);
  for (const [found, expected] of verdicts()) assert.equal(found, expected);
});
