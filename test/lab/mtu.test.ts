// Sizes: the MTU that fits the mode, transfers much larger than it, and offloads that stay on.

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { EndpointView } from '../../src/api/endpoints.ts';
import type { FlowLine } from '../../src/api/flows.ts';
import { Capture } from '../support/capture.ts';
import {
  curl,
  echoAnswer,
  eventuallyDefined,
  sharedLab,
  type TestLab,
  threePods,
} from '../support/lab.ts';
import { turnOffloadsOff } from '../support/offloads.ts';
import { rootTest } from '../support/root-test.ts';
import { byDevice, innerTcpSum, tunnelled } from '../support/tunnel-traffic.ts';

const uplinkMtu = 1500;
const modes = [
  { mode: 'native', mtuBytes: uplinkMtu },
  // Outer Ethernet is not part of the uplink's MTU: IPv4 20 + UDP 8 + VXLAN 8 + inner Ethernet 14.
  { mode: 'vxlan', mtuBytes: uplinkMtu - 50 },
] as const;

for (const { mode, mtuBytes } of modes) {
  describe(`${mode} routing`, () => {
    const lab = sharedLab({ mode, manifests: threePods });

    rootTest(`pod interfaces have an MTU of ${mtuBytes} bytes, as the agent reports`, async () => {
      for (const pod of ['web-1', 'db-1']) {
        const link = await lab().inPod(pod, ['ip', '-o', 'link', 'show', 'dev', 'eth0']);
        assert.match(link.stdout, new RegExp(` mtu ${mtuBytes} `));
      }
      const endpoints = await lab().ask<readonly EndpointView[]>('node-1', '/v1/endpoints');
      assert.deepEqual(
        endpoints.map((endpoint) => endpoint.mtuBytes),
        [mtuBytes, mtuBytes],
      );
      assert.equal((await lab().status('node-1')).datapath.mtuBytes, mtuBytes);
    });

    for (const family of [4, 6] as const) {
      for (const to of ['cart-1', 'db-1']) {
        rootTest(`1 MB arrives completely at ${to} and back, IPv${family}`, async () => {
          const address = lab().address(lab().pod(to), family);
          const bytes = 1_000_000;
          const upload = curl(address, '/', '--data-binary', '@-');
          const answer = echoAnswer(await lab().inPod('web-1', upload, 'x'.repeat(bytes)));
          assert.equal(answer.receivedBytes, bytes);
          const download = curl(
            address,
            `/bytes/${bytes}`,
            '-o',
            '/dev/null',
            '-w',
            '%{size_download}',
          );
          assert.equal((await lab().inPod('web-1', download)).stdout, String(bytes));
        });
      }

      for (const to of ['cart-1', 'db-1']) {
        rootTest(`segments stay together on the path to ${to}, IPv${family}`, async () => {
          const address = lab().address(lab().pod(to), family);
          const before = await receivedPackets(lab(), 'web-1');
          const path = '/bytes/30000000';
          const download = await lab().inPod('web-1', curl(address, path, '-o', '/dev/null'));
          assert.equal(download.exitCode, 0, download.stderr);
          const units = (await receivedPackets(lab(), 'web-1')) - before;
          const wire = await wirePackets(lab(), address);
          // 30 MB are 20,000 packets on a wire; handed over whole they come in units of up to 64 kB.
          assert.ok(wire > 19_000, `${wire} wire packets counted by the data path`);
          assert.ok(
            units * 4 < wire,
            `${units} units were handed to the pod for ${wire} wire packets`,
          );
        });
      }
    }
  });
}

describe('an uplink without offloads, vxlan routing', () => {
  const lab = sharedLab({ mode: 'vxlan', manifests: threePods });

  for (const family of [4, 6] as const) {
    rootTest(`the kernel splits a long packet in the tunnel correctly, IPv${family}`, async () => {
      turnOffloadsOff(lab().node('node-1').namespacePath, 'eth0');
      const address = lab().address(lab().pod('db-1'), family);
      using capture = Capture.start(lab().node('node-2'));
      const upload = curl(address, '/', '--data-binary', '@-');
      const data = 'x'.repeat(300_000);
      const sent = await byDevice(lab(), 'node-1', async () => {
        assert.equal(echoAnswer(await lab().inPod('web-1', upload, data)).receivedBytes, 300_000);
      });
      assert.equal(sent, 0);
      const packets = tunnelled(capture.frames(), '10.200.0.11');
      assert.ok(packets.length > 200, `${packets.length} packets`);
      assert.ok(packets.some(({ ipBytes }) => ipBytes === uplinkMtu));
      for (const packet of packets) {
        const { frameBytes, ipBytes, udpBytes, ipSum, inner } = packet;
        assert.deepEqual(
          { ipBytes, udpBytes, ipSum, checksum: innerTcpSum(inner) },
          { ipBytes: frameBytes - 14, udpBytes: ipBytes - 20, ipSum: 0xffff, checksum: 0xffff },
        );
      }
      const numbers = packets.map(({ identification }) => identification);
      const steps = numbers.slice(1).map((next, index) => (next - (numbers[index] ?? 0)) & 0xffff);
      // Not so where both processors send for the connection at once, or TCP resends: more often on a busy machine.
      const inTurn = steps.filter((step) => step === 1).length;
      assert.ok(inTurn > steps.length * 0.75, `${inTurn} of ${steps.length} in turn`);
    });
  }

  rootTest('an uplink with a smaller MTU: pods are told, and everything arrives', async () => {
    await lab().inNode('node-1', ['ip', 'link', 'set', 'eth0', 'mtu', '1400']);
    await eventuallyDefined('the agent sees the MTU', async () =>
      (await lab().status('node-1')).datapath.mtuBytes === 1350 ? true : undefined,
    );
    for (const family of [4, 6] as const) {
      const upload = curl(lab().address(lab().pod('db-1'), family), '/', '--data-binary', '@-');
      const answer = echoAnswer(await lab().inPod('web-1', upload, 'x'.repeat(300_000)));
      assert.equal(answer.receivedBytes, 300_000);
    }
  });
});

/** What the pod's interface took in: a large unit of several segments counts once. */
async function receivedPackets(lab: TestLab, pod: string): Promise<number> {
  const { stdout } = await lab.inPod(pod, ['ip', '-s', '-j', 'link', 'show', 'dev', 'eth0']);
  const [link] = JSON.parse(stdout) as { stats64: { rx: { packets: number } } }[];
  assert(link !== undefined);
  return link.stats64.rx.packets;
}

/** Packets that the last closed flow from `address` carried, each segment counted. */
function wirePackets(lab: TestLab, address: string): Promise<number> {
  return eventuallyDefined('the flow is reported as closed', async () => {
    const { stdout } = await lab.heddle('node-1', ['flows', '-o', 'json']);
    const lines = stdout.split('\n').filter(Boolean);
    const flows = lines.map((line) => JSON.parse(line) as FlowLine);
    const closed = flows.filter(
      (flow) => flow.kind === 'flow' && flow.verdict === 'closed' && flow.to.address === address,
    );
    const counts = closed.map((flow) =>
      flow.kind === 'flow' ? (flow.totals?.received.packets ?? 0) : 0,
    );
    return Math.max(0, ...counts) > 10_000 ? Math.max(...counts) : undefined;
  });
}
