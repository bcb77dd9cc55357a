// A small request takes the direct way to its pod, and its long answer returns in fragments through the stack, where
// foreign rules translate packets that connection tracking takes for a new connection.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { spawnInPlace } from '../../src/lab/spawn.ts';
import { echoPod, eventuallyDefined, sharedLab, type TestLab } from '../support/lab.ts';
import { ping, testProgram } from '../support/lab-traffic.ts';
import { reasonToSkip, rootTest } from '../support/root-test.ts';

const port = 9000;
const sizes = { whole: 500, inFragments: 5000 } as const;

const masqueradeAll = `add table inet other
add chain inet other post { type nat hook postrouting priority srcnat; }
add rule inet other post oifname != "lo" masquerade`;

for (const mode of ['native', 'vxlan'] as const) {
  describe(`fragmented replies with foreign masquerading rules, ${mode}`, () => {
    const pods = [
      echoPod('cart-1', 'node-1'),
      echoPod('api-1', 'node-2'),
      echoPod('db-1', 'node-2'),
    ];
    const lab = sharedLab({ mode, manifests: { 'pods.yaml': pods } });
    let server: ReturnType<typeof spawnInPlace> | undefined;
    before(async () => {
      if (reasonToSkip() !== undefined) return;
      const command = [...testProgram('asked-sizes'), 'serve', `${port}`];
      server = spawnInPlace(lab().pod('db-1'), command, { stdio: 'ignore' });
      for (const node of ['node-1', 'node-2']) {
        const { exitCode, stderr } = await lab().inNode(node, ['nft', masqueradeAll]);
        assert.equal(exitCode, 0, stderr);
      }
      await eventuallyDefined(
        'the server answers',
        async () => (await answered(lab(), 'api-1', 4, sizes.whole)) > 0 || undefined,
        30_000,
      );
    });
    after(() => server?.kill());

    for (const family of [4, 6] as const) {
      for (const [what, client] of [
        ['another node', 'cart-1'],
        ['its own node', 'api-1'],
      ] as const) {
        rootTest(`a pod of ${what} gets them, IPv${family}`, async () => {
          for (const size of Object.values(sizes)) {
            assert.equal(await answered(lab(), client, family, size), size);
          }
        });
      }

      rootTest(`a long ping is answered, IPv${family}`, () =>
        ping(lab(), 'cart-1', lab().address(lab().pod('db-1'), family), sizes.inFragments),
      );
    }
  });
}

async function answered(
  lab: TestLab,
  pod: string,
  family: 4 | 6,
  sizeBytes: number,
): Promise<number> {
  const address = lab.address(lab.pod('db-1'), family);
  const words = [...testProgram('asked-sizes'), 'ask', address, `${port}`, `${sizeBytes}`];
  const { exitCode, stdout, stderr } = await lab.inPod(pod, words);
  assert.equal(exitCode, 0, stderr);
  return Number(stdout);
}
