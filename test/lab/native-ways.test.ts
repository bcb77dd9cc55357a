// Native routing with packets between nodes that return on another way, or as another frame: firewalls that drop what
// connection tracking calls invalid see no direction or both.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe } from 'node:test';
import type { NodeView } from '../../src/api/nodes.ts';
import { Capture } from '../support/capture.ts';
import {
  forgedDatagram,
  frame,
  portOf,
  priorityTagged,
  sendFrames,
} from '../support/forged-frames.ts';
import {
  curl,
  eventuallyDefined,
  sharedLab,
  type TestLab,
  threePods,
  writeManifest,
} from '../support/lab.ts';
import { rootTest } from '../support/root-test.ts';
import { tunPair } from '../support/tun-pair.ts';

describe('frames with a priority', () => {
  const lab = sharedLab({ manifests: threePods });

  rootTest('take the direct path to their pod', async () => {
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
        const body = forgedDatagram(ends, { from: 7, to: 9 }, new TextEncoder().encode(text));
        sendFrames(from, [priorityTagged(frame({ ...macs, ...ends }, body), [type])]);
        return text;
      }),
    );
    const found: string[] = [];
    await eventuallyDefined('each of them', () => {
      found.push(...capture.frames().map((bytes) => Buffer.from(bytes).toString('latin1')));
      return texts.every((text) => found.some((each) => each.includes(text))) || undefined;
    });
    await inPlace(lab(), 'node-1', 'nft delete table inet nothing');
  });
});

describe('nodes that know each other by an interface without Ethernet', () => {
  const lab = sharedLab({ manifests: { ...threePods, 'nodes.yaml': nodes(onEthernet) } });

  rootTest('their pods reach each other although a firewall drops invalid packets', async () => {
    using _pair = tunPair('wg0', [
      lab().node('node-1').namespacePath,
      lab().node('node-2').namespacePath,
    ]);
    for (const number of [1, 2]) {
      await inPlace(
        lab(),
        `node-${number}`,
        `ip address add 10.77.0.${number}/24 dev wg0 && ip link set wg0 up &&
         ip address add fd00:77::${number}/64 dev wg0 nodad && ${dropInvalid}`,
      );
    }
    const byTunnel = (number: number): Addresses => [`10.77.0.${number}`, `fd00:77::${number}`];
    writeManifest(join(lab().source, 'nodes.yaml'), nodes(byTunnel));
    await leadsBy(lab(), 'wg0');
    await reach(lab());
    await healthy(lab());
  });
});

describe('nodes with two networks, named in different orders', () => {
  const lab = sharedLab({ manifests: { ...threePods, 'nodes.yaml': nodes(onEthernet) } });

  rootTest("each sends by its own choice, and accepts the other's choice", async () => {
    await inPlace(
      lab(),
      'node-1',
      `ip link add eth1 type veth peer name eth1 netns ${lab().node('node-2').namespacePath}`,
    );
    for (const number of [1, 2]) {
      await inPlace(
        lab(),
        `node-${number}`,
        `ip address add 10.99.0.1${number}/24 dev eth1 && ip link set eth1 up &&
         ip address add fd00:99::1${number}/64 dev eth1 nodad && ${dropInvalid}`,
      );
    }
    const second = (number: number): Addresses => [`10.99.0.1${number}`, `fd00:99::1${number}`];
    const inOrders = (number: number): Addresses =>
      number === 1
        ? [...onEthernet(number), ...second(number)]
        : [...second(number), ...onEthernet(number)];
    writeManifest(join(lab().source, 'nodes.yaml'), nodes(inOrders));
    await leadsBy(lab(), 'eth1');
    await reach(lab());
    // Node-2 has its default route in the network that it does not name.
    const oneLess = (number: number): Addresses =>
      number === 1 ? inOrders(number) : second(number);
    writeManifest(join(lab().source, 'nodes.yaml'), nodes(oneLess));
    await eventuallyDefined('node-2 names one network', async () => {
      const known = await lab().ask<readonly NodeView[]>('node-1', '/v1/nodes');
      return !JSON.stringify(known).includes('10.200.0.12') || undefined;
    });
    await reach(lab());
    // Nothing more is under way that an agent did not yet know of.
    const before = await spoofedOutside(lab());
    await reach(lab());
    assert.equal(await spoofedOutside(lab()), before);
  });
});

type Addresses = readonly string[];

function onEthernet(number: number): Addresses {
  return [`10.200.0.1${number}`, `fd00:200::1${number}`];
}

function nodes(addressesOf: (number: number) => Addresses): readonly object[] {
  return [1, 2].map((number) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: `node-${number}` },
    spec: { podCIDRs: [`10.201.${number}.0/24`, `fd00:201:${number}::/64`] },
    status: {
      addresses: addressesOf(number).map((address) => ({ type: 'InternalIP', address })),
    },
  }));
}

/** Node-1's ways to node-2's pods. */
function leadsBy(lab: TestLab, device: string): Promise<unknown> {
  return eventuallyDefined(`node-1 leads by ${device}`, async () => {
    const routes = ['-4', '-6'].map((family) =>
      lab.inNode('node-1', ['ip', family, 'route', 'show', 'proto', '72', 'dev', device]),
    );
    return (
      (await Promise.all(routes)).every(
        ({ stdout }) => stdout.includes('201:2') || stdout.includes('201.2'),
      ) || undefined
    );
  });
}

async function reach(lab: TestLab): Promise<void> {
  for (const family of [4, 6] as const) {
    for (const [from, to] of [
      ['web-1', 'db-1'],
      ['db-1', 'web-1'],
    ] as const) {
      const words = ['--max-time', '2'];
      const command = curl(lab.address(lab.pod(to), family), '/', ...words);
      await eventuallyDefined(`${from} reaches ${to} over IPv${family}`, async () => {
        return (await lab.inPod(from, command)).exitCode === 0 || undefined;
      });
    }
  }
}

async function spoofedOutside(lab: TestLab): Promise<number> {
  const states = await Promise.all(['node-1', 'node-2'].map((node) => lab.status(node)));
  const drops = states.flatMap(({ drops: { total } }) => total);
  return drops
    .filter(({ reason }) => reason === 'spoofed outside')
    .reduce((sum, { packets }) => sum + packets, 0);
}

function healthy(lab: TestLab): Promise<unknown> {
  return eventuallyDefined('both agents are healthy', async () => {
    const states = await Promise.all(['node-1', 'node-2'].map((node) => lab.status(node)));
    return states.every(({ health }) => health.state === 'healthy') || undefined;
  });
}

/** As kube-proxy does in mode iptables. */
const dropInvalid = `nft 'table inet strict { chain forward {
  type filter hook forward priority 0; policy accept; ct state invalid drop; }; }'`;

const forwardNothing = `nft 'table inet nothing { chain forward {
  type filter hook forward priority 0; policy drop; }; }'`;

async function inPlace(lab: TestLab, place: string, script: string): Promise<void> {
  const { exitCode, stderr } = await lab.inNode(place, ['bash', '-ec', script]);
  assert.equal(exitCode, 0, `${script}\n${stderr}`);
}
