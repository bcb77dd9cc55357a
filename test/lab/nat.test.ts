// Foreign rules that translate pods' connections, as kube-proxy, a load balancer or an administrator writes them: plain
// nft rules on node-1, with servers on both nodes. Conversations continue while flow entries are lost.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { flowPath } from '../../src/datapath/generated.ts';
import { openMaps } from '../../src/datapath/load/map-set.ts';
import { pinPaths } from '../../src/datapath/load/pins.ts';
import { beginGeneration } from '../../src/datapath/maps/generation.ts';
import { spawnInPlace } from '../../src/lab/spawn.ts';
import { echoPod, eventuallyDefined, sharedLab, type TestLab, urlHost } from '../support/lab.ts';
import { ping, testProgram } from '../support/lab-traffic.ts';
import { reasonToSkip, rootTest } from '../support/root-test.ts';

const port = 9000;
/** A Service's address for a server on the same node, one for the other node, one for the node itself. */
const vips = {
  same: { 4: '10.96.0.1', 6: 'fd00:96::1' },
  other: { 4: '10.96.0.2', 6: 'fd00:96::2' },
  node: { 4: '10.96.0.3', 6: 'fd00:96::3' },
  sourceToo: { 4: '10.96.0.4', 6: 'fd00:96::4' },
  /** Every protocol and port of it. */
  whole: { 4: '10.96.0.5', 6: 'fd00:96::5' },
} as const;
const nodePorts = { same: 31001, other: 31002 } as const;
const families = [4, 6] as const;

/** What happens to the flow tables of both nodes all the while. */
const disturbances = {
  'nothing happens': () => undefined,
  'all flow entries are lost, again and again': (maps) => {
    maps.flows.deleteBatch([...maps.flows.entries()].map(([key]) => key));
  },
  'tables change, again and again': (maps) => beginGeneration(maps.tableGeneration),
} satisfies Record<string, (maps: ReturnType<typeof openMaps>) => void>;

const limitedPod = {
  ...echoPod('slow-1', 'node-2'),
  metadata: {
    ...{ namespace: 'shop', name: 'slow-1' },
    annotations: { 'kubernetes.io/ingress-bandwidth': '100M' },
  },
};

for (const mode of ['native', 'vxlan'] as const) {
  describe(`connections translated by foreign rules, ${mode}`, () => {
    const pods = [
      ...[echoPod('web-1', 'node-1'), echoPod('cart-1', 'node-1')],
      ...[echoPod('api-1', 'node-2'), echoPod('db-1', 'node-2'), limitedPod],
    ];
    const lab = sharedLab({ mode, manifests: { 'pods.yaml': pods } });
    const servers: ReturnType<typeof spawnInPlace>[] = [];
    before(async () => {
      if (reasonToSkip() !== undefined) return;
      for (const place of [
        lab().pod('web-1'),
        lab().pod('api-1'),
        lab().pod('slow-1'),
        lab().node('node-1'),
      ])
        servers.push(
          spawnInPlace(place, [...testProgram('talk'), 'serve', `${port}`], { stdio: 'ignore' }),
        );
      const { exitCode, stderr } = await lab().inNode('node-1', ['nft', rules(lab())]);
      assert.equal(exitCode, 0, stderr);
      await eventuallyDefined(
        'the servers listen',
        async () => {
          const said = await Promise.all(
            [lab().pod('web-1'), lab().pod('api-1')].map((pod) =>
              talk(lab(), 'node-1', [`tcp:${port}:${lab().address(pod, 4)}`]),
            ),
          );
          return said.every((failures) => failures.length === 0) || undefined;
        },
        30_000,
      );
    });
    after(() => {
      for (const server of servers) server.kill();
    });

    for (const [what, disturb] of Object.entries(disturbances)) {
      rootTest(`a pod and every server reach each other while ${what}`, async () => {
        const targets = families.flatMap((family) => fromPod(lab(), family));
        assert.deepEqual(
          await whileDisturbed(lab(), disturb, () => talk(lab(), 'cart-1', targets)),
          [],
        );
      });
    }

    rootTest(
      'the world and the other node’s pods reach every server by the node’s ports',
      async () => {
        const targets = families.flatMap((family) => toNodePorts(lab(), family));
        const flush = disturbances['all flow entries are lost, again and again'];
        for (const place of ['world', 'db-1', 'node-2'])
          assert.deepEqual(
            await whileDisturbed(lab(), flush, () => talk(lab(), place, targets)),
            [],
            place,
          );
      },
    );

    rootTest('an echo is answered from the address that was asked', async () => {
      for (const family of families) {
        await ping(lab(), 'cart-1', vips.whole[family]);
        await ping(lab(), 'cart-1', lab().address(lab().pod('api-1'), family));
      }
    });

    rootTest('replies of a limited pod take the direct path, like packets to it', async () => {
      const addresses = families.map((family) => lab().address(lab().pod('slow-1'), family));
      assert.deepEqual(await talk(lab(), 'cart-1', both(addresses, port)), []);
      using maps = openMaps(pinPaths(lab().node('node-2').pins));
      const found = [...maps.flows.entries()].filter(([key]) =>
        [key.low, key.high].some((address) => addresses.includes(address)),
      );
      assert.equal(found.length, 4);
      for (const [, flow] of found) assert.equal(flow.path, flowPath.direct);
    });

    rootTest('a socket that talks to a Service and to its server hears both', async () => {
      for (const family of families) {
        const direct = lab().address(lab().pod('api-1'), family);
        const talked = await talk(lab(), 'cart-1', [
          `shared,${port},${vips.other[family]},${direct}`,
        ]);
        assert.deepEqual(talked, []);
      }
    });
  });
}

type Family = (typeof families)[number];

function fromPod(lab: TestLab, family: Family): readonly string[] {
  const direct = ['web-1', 'api-1'].map((pod) => lab.address(lab.pod(pod), family));
  const translated = [vips.same, vips.other, vips.sourceToo].map((vip) => vip[family]);
  const refused = [direct[0], direct[1], vips.whole[family]].map(
    (address) => `refused,9,${address}`,
  );
  // A UDP server of a node may answer by another of its addresses, which is not NAT's doing.
  const ofNode = `tcp:80:${vips.node[family]}`;
  return [
    ...both([...direct, vips.whole[family]], port),
    ...both(translated, 80),
    ...[ofNode, ...refused, ...toNodePorts(lab, family)],
  ];
}

function toNodePorts(lab: TestLab, family: Family): readonly string[] {
  const node = lab.address(lab.node('node-1'), family);
  return Object.values(nodePorts).flatMap((nodePort) => both([node], nodePort));
}

function both(addresses: readonly string[], to: number): readonly string[] {
  return addresses.flatMap((address) => [`tcp:${to}:${address}`, `udp:${to}:${address}`]);
}

/** The failures as text. */
async function talk(
  lab: TestLab,
  place: string,
  targets: readonly string[],
): Promise<readonly string[]> {
  const command = [...testProgram('talk'), 'with', ...targets];
  const isPod = !['world', 'node-1', 'node-2'].includes(place);
  const { exitCode, stdout, stderr } = await (isPod
    ? lab.inPod(place, command)
    : lab.inNode(place, command));
  assert.equal(exitCode, 0, stderr);
  return JSON.parse(stdout) as readonly string[];
}

async function whileDisturbed<Result>(
  lab: TestLab,
  disturb: (maps: ReturnType<typeof openMaps>) => void,
  act: () => Promise<Result>,
): Promise<Result> {
  const all = ['node-1', 'node-2'].map((name) => openMaps(pinPaths(lab.node(name).pins)));
  const timer = setInterval(() => {
    for (const maps of all) disturb(maps);
  }, 20);
  try {
    return await act();
  } finally {
    clearInterval(timer);
    for (const maps of all) maps[Symbol.dispose]();
  }
}

/** Of node-1: VIPs, node ports with masquerading, a rule for the source, and no mercy for what looks invalid. */
function rules(lab: TestLab): string {
  const to = (pod: string, family: Family): string => lab.address(lab.pod(pod), family);
  const translations = families.flatMap((family) => {
    const word = family === 4 ? 'ip' : 'ip6';
    const node = lab.address(lab.node('node-1'), family);
    const withPort = (address: string): string => `${urlHost(address)}:${port}`;
    const target = (pod: string): string => `dnat ${word} to ${withPort(to(pod, family))}`;
    return ['tcp', 'udp'].flatMap((protocol) => [
      `${word} daddr ${vips.same[family]} ${protocol} dport 80 ${target('web-1')}`,
      `${word} daddr ${vips.other[family]} ${protocol} dport 80 ${target('api-1')}`,
      `${word} daddr ${vips.sourceToo[family]} ${protocol} dport 80 ${target('api-1')}`,
      `${word} daddr ${vips.node[family]} ${protocol} dport 80 dnat ${word} to ${withPort(node)}`,
      `${word} daddr ${vips.whole[family]} dnat ${word} to ${to('api-1', family)}`,
      `${word} daddr ${node} ${protocol} dport ${nodePorts.same} ${target('web-1')}`,
      `${word} daddr ${node} ${protocol} dport ${nodePorts.other} ${target('api-1')}`,
    ]);
  });
  const sources = families.map((family) => {
    const word = family === 4 ? 'ip' : 'ip6';
    const node = lab.address(lab.node('node-1'), family);
    return `ct original ${word} daddr ${vips.sourceToo[family]} snat ${word} to ${node}`;
  });
  const masquerades = Object.values(nodePorts).flatMap((nodePort) =>
    ['tcp', 'udp'].map(
      (protocol) => `${protocol} dport ${port} ct original proto-dst ${nodePort} masquerade`,
    ),
  );
  return `table inet foreign {
    chain prerouting { type nat hook prerouting priority dstnat; ${translations.join('; ')}; }
    chain postrouting { type nat hook postrouting priority srcnat - 1;
      ${masquerades.join('; ')}; ${sources.join('; ')}; }
    chain forward { type filter hook forward priority filter; ct state invalid drop; }
  }`;
}
