// Connections that began while the node's rules were missing or different: once the rules are back, none of them stays
// untranslated, of any kind, and no correct one is deleted.

import assert from 'node:assert/strict';
import { afterEach, describe } from 'node:test';
import type { LabPlace } from '../../src/lab/spawn.ts';
import { echoPod, eventuallyDefined, sharedLab, type TestLab } from '../support/lab.ts';
import {
  outsideHost,
  PeerClient,
  peerServer,
  peerPort as port,
  worldServer,
} from '../support/peers.ts';
import { rootTest } from '../support/root-test.ts';
import { withoutCounters } from '../support/ruleset.ts';

const families = [4, 6] as const;
const hostPort = 18090;

// Another firewall on the node, because of which connections are tracked and translated whether our rules are there or not.
const firewall = `nft "add table inet firewall; delete table inet firewall; add table inet firewall;
  add chain inet firewall in { type filter hook prerouting priority 0; };
  add chain inet firewall nat { type nat hook postrouting priority 90; };
  add rule inet firewall in ct state new accept"`;

// The same rules, with sets that have nothing in them.
const exchange = `nft list table inet heddle | sed '/elements = /d' > /tmp/heddle-$$.nft &&
  nft delete table inet heddle && nft -f /tmp/heddle-$$.nft; rm /tmp/heddle-$$.nft`;

const deeds = [
  ['the whole ruleset is flushed', 'nft flush ruleset'],
  ['another firewall is loaded in its place', `nft flush ruleset && ${firewall}`],
  ['our table is deleted', 'nft delete table inet heddle'],
  ['our chains are flushed', 'nft flush table inet heddle'],
  [
    'our sources are emptied',
    'nft "flush set inet heddle sources4; flush set inet heddle sources6"',
  ],
  [
    'another table has our name',
    'nft "delete table inet heddle; add table inet heddle; add chain inet heddle other"',
  ],
  ['rules and connections are flushed', `nft flush ruleset && ${firewall} && conntrack -F`],
] as const;

for (const mode of ['native', 'vxlan'] as const) {
  describe(`connections that began without heddle's rules, ${mode}`, () => {
    const lab = sharedLab({
      mode,
      settings: { reconcilePeriodMs: 1000 },
      manifests: { 'pods.yaml': [servedPod(), echoPod('cart-1', 'node-1')] },
    });
    const clients: PeerClient[] = [];
    worldServer(lab);
    afterEach(() => {
      for (const client of clients.splice(0)) client.end();
    });
    const start = (place: LabPlace, protocol: string, address: string, to: number): PeerClient => {
      const client = new PeerClient(place, [protocol, address, String(to)]);
      clients.push(client);
      return client;
    };

    for (const [what, deed] of deeds) {
      rootTest(`${what}: pods' clients are masqueraded again`, async () => {
        const pod = lab().pod('cart-1');
        await inNode(lab(), firewall);
        const [before] = families.map((family) => start(pod, 'tcp', outsideHost[family], port));
        await before?.says(lab().address(lab().node('node-1'), 4));
        await withoutAgent(lab(), async () => {
          await inNode(lab(), deed);
          for (const family of families) {
            for (const protocol of ['udp', 'tcp'] as const) {
              await start(pod, protocol, outsideHost[family], port).says(
                lab().address(pod, family),
              );
            }
          }
          clients.push(new PeerClient(pod, undefined, pingForLong(outsideHost[4])));
        });
        await eventuallyDefined('no connection of a pod is untranslated', () =>
          areTranslated(lab()),
        );
        for (const [index, family] of families.entries()) {
          const [udp] = clients.slice(2 + 2 * index);
          await udp?.says(lab().address(lab().node('node-1'), family));
        }
        // What had begun under the rules goes on, where nothing but our table was touched.
        if (!deed.includes('ruleset')) assert.equal(before?.hasEnded(), false);
      });
    }

    rootTest('a client of a host port, UDP and TCP, reaches the pod again', async () => {
      const { world: outside } = lab().lab.record();
      const server = new PeerClient(lab().pod('web-1'), undefined, peerServer);
      clients.push(server);
      const node = { 4: nodeAddress(lab(), 4), 6: nodeAddress(lab(), 6) };
      await withoutAgent(lab(), async () => {
        await inNode(lab(), `nft flush ruleset && ${firewall}`);
        for (const family of families) start(outside, 'udp', node[family], hostPort);
        await eventuallyDefined('their packets are tracked', async () =>
          (await tracked(lab())).filter((line) => line.includes(`dport=${hostPort}`)).length >= 2
            ? true
            : undefined,
        );
      });
      await clients[1]?.says(outsideHost[4]);
      await clients[2]?.says(outsideHost[6]);
      const lines = (await tracked(lab())).filter((line) => line.includes(`dport=${hostPort}`));
      assert.ok(lines.length >= 2);
      for (const line of lines) assert.match(line, new RegExp(`sport=${port}`), line);
    });
  });
}

describe('connections when the source address of pods changes', () => {
  const lab = sharedLab({ manifests: { 'pods.yaml': [echoPod('cart-1', 'node-1')] } });
  worldServer(lab);

  rootTest('a datagram client leaves with the new address of the node', async () => {
    const pod = lab().pod('cart-1');
    using client = new PeerClient(pod, ['udp', outsideHost[4], String(port)]);
    await client.says('10.200.0.11');
    await inNode(
      lab(),
      `ip address add 10.200.0.61/24 dev eth0 && ip address delete 10.200.0.11/24 dev eth0 &&
       ip address replace 10.200.0.61/24 dev eth0 && ip route replace default via 10.200.0.1`,
    );
    await client.says('10.200.0.61');
  });
});

describe('rules changed by another process, long before the next period', () => {
  const lab = sharedLab({
    settings: { reconcilePeriodMs: 600_000 },
    manifests: { 'pods.yaml': [echoPod('cart-1', 'node-1')] },
  });
  const quick = [
    ['the ruleset is flushed', 'nft flush ruleset'],
    ['the table is deleted', 'nft delete table inet heddle'],
    ['the rules are flushed', 'nft flush table inet heddle'],
    ['a rule comes first', 'nft insert rule inet heddle postrouting accept'],
    ['the table is exchanged', exchange],
  ] as const;
  for (const [what, deed] of quick) {
    rootTest(`${what}: they are restored immediately`, async () => {
      const rules = (): Promise<string> => ruleset(lab());
      const whole = await rules();
      assert.match(whole, /snat ip to 10\.200\.0\.11/);
      await inNode(lab(), deed);
      await eventuallyDefined('the rules are as before', async () =>
        (await rules()) === whole ? true : undefined,
      );
    });
  }
});

async function ruleset(lab: TestLab): Promise<string> {
  const { stdout } = await lab.inNode('node-1', ['nft', 'list', 'table', 'inet', 'heddle']);
  return withoutCounters(stdout);
}

function pingForLong(address: string): readonly string[] {
  return ['busybox', 'ping', '-i', '0.2', '-c', '200', address];
}

function servedPod(): object {
  const ports = [
    { containerPort: port, hostPort, protocol: 'UDP' },
    { containerPort: port, hostPort },
  ];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'shop', name: 'web-1' },
    spec: { nodeName: 'node-1', containers: [{ name: 'echo', image: 'heddle-echo', ports }] },
  };
}

/** The agent of node-1 is paused meanwhile, as if it noticed late. */
async function withoutAgent(lab: TestLab, act: () => Promise<void>): Promise<void> {
  const { pid } = await lab.status('node-1');
  process.kill(pid, 'SIGSTOP');
  try {
    await act();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

async function areTranslated(lab: TestLab): Promise<true | undefined> {
  const pods = families.map((family) => lab.address(lab.pod('cart-1'), family));
  const lines = await tracked(lab);
  const outside = lines.filter((line) => families.some((each) => line.includes(outsideHost[each])));
  const isWrong = (line: string): boolean =>
    pods.some((pod) => line.includes(`src=${pod} `) && line.includes(`dst=${pod} `));
  return outside.some(isWrong) ? undefined : true;
}

async function tracked(lab: TestLab): Promise<readonly string[]> {
  const listings = await Promise.all(
    ['ipv4', 'ipv6'].map((family) => lab.inNode('node-1', ['conntrack', '-L', '-f', family])),
  );
  return listings.flatMap(({ stdout }) => stdout.split('\n'));
}

function nodeAddress(lab: TestLab, family: 4 | 6): string {
  return lab.address(lab.node('node-1'), family);
}

async function inNode(lab: TestLab, script: string): Promise<void> {
  const { exitCode, stderr } = await lab.inNode('node-1', ['sh', '-c', script]);
  assert.equal(exitCode, 0, stderr);
}
