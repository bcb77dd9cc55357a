// Native routing where a packet between nodes comes in another way than it left, or as another frame: firewalls that drop
// what connection tracking calls invalid see none of it, or both directions.

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { Capture } from '../support/capture.ts';
import { datagram, frame, portOf, priorityTagged, sendFrames } from '../support/forged-frames.ts';
import { eventually, sharedLab, type TestLab, threePods } from '../support/lab.ts';
import { rootTest } from '../support/root-test.ts';

describe('frames with a priority', () => {
  const lab = sharedLab({ manifests: threePods });

  rootTest('go straight to their pod', async () => {
    await inPlace(lab(), 'node-1', forwardNothing);
    using capture = Capture.start(lab().pod('web-1'));
    const from = portOf(lab().node('node-2'));
    const macs = { sourceMac: from.mac, destinationMac: portOf(lab().node('node-1')).mac };
    const texts = ([4, 6] as const).flatMap((family) =>
      [0x8100, 0x88a8].map((type) => {
        const text = `tag ${type.toString(16)}, IPv${family};`;
        const ends = {
          source: lab().address(lab().pod('db-1'), family),
          destination: lab().address(lab().pod('web-1'), family),
        };
        const body = datagram(ends, { from: 7, to: 9 }, new TextEncoder().encode(text));
        sendFrames(from, [priorityTagged(frame({ ...macs, ...ends }, body), [type])]);
        return text;
      }),
    );
    const found: string[] = [];
    await eventually('each of them', () => {
      found.push(...capture.frames().map((bytes) => Buffer.from(bytes).toString('latin1')));
      return texts.every((text) => found.some((each) => each.includes(text))) || undefined;
    });
    await inPlace(lab(), 'node-1', 'nft delete table inet nothing');
  });
});

const forwardNothing = `nft 'table inet nothing { chain forward {
  type filter hook forward priority 0; policy drop; }; }'`;

async function inPlace(lab: TestLab, place: string, script: string): Promise<void> {
  const { exitCode, stderr } = await lab.inNode(place, ['bash', '-ec', script]);
  assert.equal(exitCode, 0, `${script}\n${stderr}`);
}
