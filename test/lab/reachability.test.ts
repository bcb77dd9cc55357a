// Pods, nodes and host processes reach each other, on one node and across nodes, both families, both modes.

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { probeReachability, summary, unreached } from '../../src/lab/reachability.ts';
import { Capture } from '../support/capture.ts';
import { curl, echoAnswer, sharedLab, type TestLab, threePods } from '../support/lab.ts';
import { echoDatagrams, ping } from '../support/lab-traffic.ts';
import type { OuterHeaders } from '../support/outer-headers.ts';
import { rootTest } from '../support/root-test.ts';
import { byDevice, tunnelled } from '../support/tunnel-traffic.ts';

const families = [4, 6] as const;

describe('native routing, dual stack', () => {
  everyoneReachesEveryone(sharedLab({ mode: 'native', manifests: threePods }), 12);
});

describe('VXLAN, dual stack', () => {
  const lab = sharedLab({ mode: 'vxlan', manifests: threePods });
  everyoneReachesEveryone(lab, 12);

  for (const family of families) {
    rootTest(
      `a pod's packets are encapsulated as the device would do it, IPv${family}`,
      async () => {
        const address = lab().address(lab().pod('db-1'), family);
        using capture = Capture.start(lab().node('node-2'));
        const echo = ['busybox', 'ping', '-c', '1', '-W', '2', address];
        const ours = await byDevice(lab(), 'node-1', () => lab().inPod('web-1', echo));
        const [fromPod] = tunnelled(capture.frames(), '10.200.0.11');
        const device = await byDevice(lab(), 'node-1', () => lab().inNode('node-1', echo));
        const [fromNode] = tunnelled(capture.frames(), '10.200.0.11');
        assert.equal(ours, 0);
        assert.ok(device > 0);
        assert.ok(fromPod && fromNode);
        assert.deepEqual(likeness(fromPod), likeness(fromNode));
        assert.deepEqual(fromPod.inner.slice(0, 6), fromNode.inner.slice(0, 6), 'inner receiver');
      },
    );
  }
});

/** All that does not differ from one flow to the next. */
function likeness({
  identification: _,
  sourcePort: __,
  inner: ___,
  ...rest
}: OuterHeaders): object {
  return rest;
}

describe('VXLAN with dual-stack pods on IPv4-only nodes', () => {
  const lab = sharedLab({ mode: 'vxlan', manifests: { ...threePods, 'nodes.yaml': ipv4Nodes() } });
  everyoneReachesEveryone(lab, 12);
});

describe('VXLAN with dual-stack pods on IPv6-only nodes', () => {
  const lab = sharedLab({ mode: 'vxlan', manifests: { ...threePods, 'nodes.yaml': ipv6Nodes() } });

  rootTest('every pod reaches every other pod', async () => {
    await matrixIsWhole(lab(), 12);
  });

  rootTest('the MTU leaves room for the longer outer header', async () => {
    // Outer IPv6 40 + UDP 8 + VXLAN 8 + inner Ethernet 14.
    assert.equal((await lab().status('node-1')).datapath.mtuBytes, 1430);
    const address = lab().address(lab().pod('db-1'), 4);
    const download = curl(address, '/bytes/1000000', '-o', '/dev/null', '-w', '%{size_download}');
    assert.equal((await lab().inPod('web-1', download)).stdout, '1000000');
  });
});

describe('native routing with IPv6 only', () => {
  const nodes = ipv6Nodes().map((node, index) => ({
    ...node,
    spec: { podCIDRs: [`fd00:201:${index + 1}::/64`] },
  }));
  const lab = sharedLab({ mode: 'native', manifests: { ...threePods, 'nodes.yaml': nodes } });

  rootTest('every pod reaches every other pod', async () => {
    await matrixIsWhole(lab(), 6);
  });
});

async function matrixIsWhole(lab: TestLab, pairs: number): Promise<void> {
  const reachability = await probeReachability(lab.lab.record());
  assert.equal(reachability.pairs.length, pairs);
  assert.deepEqual(unreached(reachability), [], summary(reachability));
}

function everyoneReachesEveryone(lab: () => TestLab, pairs: number): void {
  rootTest('every pod reaches every other pod', async () => {
    await matrixIsWhole(lab(), pairs);
  });

  for (const family of families) {
    rootTest(`pods see each other's own IPv${family} addresses`, async () => {
      for (const to of ['cart-1', 'db-1']) {
        const address = lab().address(lab().pod(to), family);
        const answer = echoAnswer(await lab().inPod('web-1', curl(address)));
        assert.equal(answer.pod, `shop/${to}`);
        assert.equal(answer.peer, lab().address(lab().pod('web-1'), family));
      }
    });

    rootTest(`processes of both nodes reach every pod over IPv${family}`, async () => {
      for (const node of ['node-1', 'node-2']) {
        for (const pod of ['web-1', 'db-1']) {
          const answer = echoAnswer(
            await lab().inNode(node, curl(lab().address(lab().pod(pod), family))),
          );
          assert.equal(answer.pod, `shop/${pod}`);
        }
      }
    });

    rootTest(
      `local and remote pods answer ping, UDP and fragmented datagrams, IPv${family}`,
      async () => {
        const near = lab().address(lab().pod('cart-1'), family);
        const far = lab().address(lab().pod('db-1'), family);
        for (const address of [near, far]) {
          await ping(lab(), 'web-1', address);
          assert.equal((await echoDatagrams(lab(), 'web-1', { address, count: 20 })).received, 20);
          // Larger than any MTU here: travels as IP fragments.
          const fragments = await echoDatagrams(lab(), 'web-1', {
            address,
            count: 10,
            sizeBytes: 9000,
          });
          assert.equal(fragments.received, 10);
        }
      },
    );

    rootTest(
      `an unused address of the pod range is answered as unreachable, IPv${family}`,
      async () => {
        const [own, remote] =
          family === 4 ? ['10.201.1.250', '10.201.2.250'] : ['fd00:201:1::fa', 'fd00:201:2::fa'];
        for (const address of [own, remote]) {
          const { exitCode, stderr } = await lab().inPod('web-1', curl(address));
          assert.equal(exitCode, 7, stderr);
          assert.match(stderr, /No route to host|Host is unreachable|Couldn't connect/);
        }
      },
    );
  }

  rootTest('pods reach their own node and the other one', async () => {
    for (const node of ['node-1', 'node-2']) {
      for (const address of lab().node(node).addresses) await ping(lab(), 'web-1', address);
    }
  });
}

function ipv4Nodes(): readonly object[] {
  return [1, 2].map((number) => nodeObject(number, [`10.200.0.${10 + number}`]));
}

function ipv6Nodes(): readonly object[] {
  return [1, 2].map((number) => nodeObject(number, [`fd00:200::${10 + number}`]));
}

function nodeObject(number: number, addresses: readonly string[]): object {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: `node-${number}` },
    spec: { podCIDRs: [`10.201.${number}.0/24`, `fd00:201:${number}::/64`] },
    status: { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) },
  };
}
