// A container that another network connects to a node (Docker's bridge, a second interface) and that is root in its own
// network namespace: it sends with pods' addresses and sets what the kernel lets it set on a packet.

import assert from 'node:assert/strict';
import { describe, type TestContext } from 'node:test';
import { packetMarks, tunnelPriority } from '../../src/model/ids.ts';
import type { AddressFamily } from '../../src/net/address.ts';
import { Capture } from '../support/capture.ts';
import {
  type FramePort,
  forgedDatagram,
  frame,
  type PacketFields,
  portOf,
  sendFrames,
} from '../support/forged-frames.ts';
import { echoPod, eventuallyDefined, sharedLab } from '../support/lab.ts';
import { runIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const manifests = {
  'pods.yaml': [echoPod('alice', 'node-1'), echoPod('mallory', 'node-1'), echoPod('bob', 'node-2')],
};

interface Trick extends PacketFields {
  readonly what: string;
  /** Of a filter at the container's interface. The minor number becomes tc_index, which outlasts the way to the node. */
  readonly classId?: string;
}

const tricks: readonly Trick[] = [
  { what: 'nothing' },
  { what: 'the class 1:6864', classId: '1:6864' },
  { what: 'the class 6865:6471', classId: '6865:6471' },
  { what: 'the mark of queued packets', mark: packetMarks.queued },
  { what: 'the mark of direct packets', mark: packetMarks.direct },
  { what: "the tunnel's priority", priority: tunnelPriority },
];

for (const mode of ['native', 'vxlan'] as const) {
  describe(`a container of another network, mode ${mode}`, () => {
    const lab = sharedLab({ mode, manifests });

    rootTest("cannot send to a pod with a pod's address", async (context) => {
      const from = await container(context);
      using capture = Capture.start(lab().pod('alice'));
      runIn(from.namespace, 'tc', 'qdisc', 'add', 'dev', 'eth0', 'clsact');
      for (const { what, classId, ...fields } of tricks) {
        if (classId !== undefined) {
          const filter = [
            'filter',
            'replace',
            'dev',
            'eth0',
            'egress',
            'protocol',
            'all',
            'prio',
            '1',
          ];
          const match = ['handle', '800::1', 'u32', 'match', 'u32', '0', '0', 'classid', classId];
          runIn(from.namespace, 'tc', ...filter, ...match);
        }
        const before = await spoofed();
        const frames = ([4, 6] as const).flatMap((family) =>
          ['mallory', 'bob'].map((sender) => {
            const ends = { source: address(sender, family), destination: address('alice', family) };
            const content = forgedDatagram(
              ends,
              { from: 7, to: 9 },
              new TextEncoder().encode('forged'),
            );
            return frame({ ...ends, destinationMac: from.gateway.mac }, content);
          }),
        );
        sendFrames(from.port, frames, undefined, fields);
        await eventuallyDefined(`${what}: each of them counted`, async () =>
          (await spoofed()) - before === frames.length ? true : undefined,
        );
      }
      const texts = capture.frames().map((bytes) => Buffer.from(bytes).toString('latin1'));
      assert.ok(!texts.some((text) => text.includes('forged')));
    });

    /** Connected to node-1 by a veth `ct0`, which routes. */
    async function container(context: TestContext) {
      const namespace = testNamespace(context);
      const namespacePath = `/proc/${process.pid}/fd/${namespace.fd}`;
      const made = await lab().inNode('node-1', [
        'sh',
        '-ec',
        `ip link add ct0 type veth peer name eth0 netns ${namespacePath}
         ip link set ct0 up; ip address add 172.31.0.1/24 dev ct0
         ip -6 address add 2001:db8:31::1/64 dev ct0 nodad
         sysctl -qw net.ipv4.conf.ct0.rp_filter=0 net.ipv4.conf.all.rp_filter=0`,
      ]);
      assert.equal(made.exitCode, 0, made.stderr);
      runIn(namespace, 'ip', 'link', 'set', 'eth0', 'up');
      const port: FramePort = portOf({ namespacePath });
      const gateway = portOf(lab().node('node-1'), 'ct0');
      return { namespace, port, gateway };
    }

    function address(name: string, family: AddressFamily): string {
      return lab().address(lab().pod(name), family);
    }

    async function spoofed(): Promise<number> {
      const { total } = (await lab().status('node-1')).drops;
      return total.find(({ reason }) => reason === 'spoofed outside')?.packets ?? 0;
    }
  });
}
