// Packets with a forged source, on the two ways that bypass the programs' first check: through an interface of the node
// that is not an uplink, and rewritten by a checksum that their sender left open.

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { AddressFamily } from '../../src/net/address.ts';
import { parseMac } from '../../src/net/mac.ts';
import { Capture } from '../support/capture.ts';
import {
  forgedDatagram,
  frame,
  type LateChecksum,
  portOf,
  sendFrames,
} from '../support/forged-frames.ts';
import { echoPod, eventuallyDefined, sharedLab } from '../support/lab.ts';
import { rootTest } from '../support/root-test.ts';

const manifests = {
  'pods.yaml': [echoPod('alice', 'node-1'), echoPod('mallory', 'node-1'), echoPod('bob', 'node-2')],
};
const gateway = parseMac('02:68:65:64:64:6c');
const payload = (text: string): Uint8Array => new TextEncoder().encode(`${text} `.padEnd(40));

for (const mode of ['native', 'vxlan'] as const) {
  describe(`forged beside the programs, mode ${mode}`, () => {
    const lab = sharedLab({ mode, manifests });

    rootTest("only a pod's own interface may deliver packets with its address", async () => {
      const node = lab().node('node-1');
      const run = async (command: string): Promise<void> => {
        const { exitCode, stderr } = await lab().inNode('node-1', ['sh', '-c', command]);
        assert.equal(exitCode, 0, `${command}: ${stderr}`);
      };
      await run(`ip link add side0 type veth peer name side1 && ip link set side0 up && ip link set side1 up
        for name in all side0; do sysctl -qw net.ipv4.conf.$name.rp_filter=0; done`);
      const before = await dropped('spoofed outside');
      using capture = Capture.start(lab().pod('alice'));
      using atBob = Capture.start(lab().pod('bob'));
      const near = portOf(node, 'side0');
      const far = portOf(node, 'side1');
      const macs = { sourceMac: far.mac, destinationMac: near.mac };
      const ways = [
        ['mallory', 'alice'],
        ['bob', 'alice'],
        // Into the tunnel, whose other end believes this node.
        ...(mode === 'vxlan' ? [['mallory', 'bob'] as const, ['alice', 'bob'] as const] : []),
      ] as const;
      const forged = ways.flatMap(([from, to]) =>
        ([4, 6] as const).map((family) => {
          const ends = { source: address(from, family), destination: address(to, family) };
          return frame(
            { ...macs, ...ends },
            forgedDatagram(ends, { from: 7, to: 9 }, payload('forged')),
          );
        }),
      );
      const ends = { source: '198.18.0.9', destination: address('alice', 4) };
      const honest = frame(
        { ...macs, ...ends },
        forgedDatagram(ends, { from: 7, to: 9 }, payload('honest')),
      );
      sendFrames(far, [...forged, honest]);
      await eventuallyDefined('each of them counted', async () =>
        (await dropped('spoofed outside')) - before === forged.length ? true : undefined,
      );
      const texts: string[] = [];
      await eventuallyDefined('what comes from the side itself', async () => {
        texts.push(...frameTexts(capture));
        return texts.some((text) => text.includes('honest')) || undefined;
      });
      texts.push(...frameTexts(atBob));
      assert.ok(!texts.some((text) => text.includes('forged')));
      await run('ip link delete side0');
    });

    rootTest('an unfinished checksum does not change the verdict', async () => {
      // The kernel refuses a start before what an IPv4 header takes without Ethernet's.
      const start = 20;
      const [udp4, udp6] = [14 + 20, 14 + 40];
      const cases: readonly (readonly [
        what: string,
        AddressFamily,
        LateChecksum,
        honest: boolean,
      ])[] = [
        ['UDP over IPv4', 4, { start: udp4, offset: 6 }, true],
        ['UDP over IPv6', 6, { start: udp6, offset: 6 }, true],
        ['behind a header of its own', 4, { start: udp4 + 8, offset: 6 }, true],
        ['source address', 4, { start, offset: 8 }, false],
        ['source address of IPv6', 6, { start, offset: 16 }, false],
        ['destination address', 4, { start, offset: 12 }, false],
        ['source port', 4, { start: udp4, offset: 0 }, false],
        ['destination port', 4, { start: udp4, offset: 2 }, false],
        ['destination port over IPv6', 6, { start: udp6, offset: 2 }, false],
      ];
      const mallory = portOf(lab().pod('mallory'));
      const before = await dropped('malformed');
      using capture = Capture.start(lab().pod('alice'));
      for (const [what, family, late] of cases) {
        const ends = { source: address('mallory', family), destination: address('alice', family) };
        const macs = { sourceMac: mallory.mac, destinationMac: gateway };
        sendFrames(
          mallory,
          [frame({ ...macs, ...ends }, forgedDatagram(ends, { from: 7, to: 9 }, payload(what)))],
          late,
        );
      }
      const refused = cases.filter(([, , , honest]) => !honest).length;
      await eventuallyDefined('each of them counted', async () =>
        (await dropped('malformed')) - before === refused ? true : undefined,
      );
      const texts: string[] = [];
      const arrived = (): readonly string[] => {
        texts.push(...frameTexts(capture));
        return cases
          .map(([what]) => what)
          .filter((what) => texts.some((text) => text.includes(`${what} `)));
      };
      const wanted = cases.flatMap(([what, , , honest]) => (honest ? [what] : []));
      await eventuallyDefined(
        'the honest ones',
        async () => arrived().length >= wanted.length || undefined,
      );
      assert.deepEqual(arrived(), wanted);
    });

    function address(name: string, family: AddressFamily): string {
      return lab().address(lab().pod(name), family);
    }

    async function dropped(name: string): Promise<number> {
      const { total } = (await lab().status('node-1')).drops;
      return total.find(({ reason }) => reason === name)?.packets ?? 0;
    }
  });
}

function frameTexts(capture: Capture): readonly string[] {
  return capture.frames().map((bytes) => Buffer.from(bytes).toString('latin1'));
}
