// A host port at the address of a second interface: its answers leave by the route to the client, through the other
// interface, unless marks and a routing table lead them back. The rules are those of docs/troubleshooting.md.

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { curl, echoAnswer, sharedLab, type TestLab } from '../support/lab.ts';
import { rootTest } from '../support/root-test.ts';

const world = '203.0.113.10';
const second = { node: '10.99.0.11', router: '10.99.0.1' } as const;
const hostPort = 18080;

const served = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'shop', name: 'web-1' },
  spec: {
    nodeName: 'node-1',
    containers: [
      { name: 'echo', image: 'heddle-echo', ports: [{ containerPort: 8080, hostPort }] },
    ],
  },
};

const leadBack = `nft -f - <<'END'
table inet second-network {
  chain prerouting {
    type filter hook prerouting priority mangle; policy accept;
    iifname "eth1" ct state new ct mark set ct mark or 0x10
    iifname != "eth1" ct direction reply ct mark and 0x10 == 0x10 meta mark set meta mark or 0x10
  }
}
END
ip route add default via ${second.router} dev eth1 table 110
ip rule add fwmark 0x10/0x10 lookup 110 priority 110`;

for (const mode of ['native', 'vxlan'] as const) {
  describe(`a second interface with an address, ${mode}`, () => {
    const lab = sharedLab({ mode, manifests: { 'pods.yaml': [served] } });

    rootTest(
      'replies of a host port leave by the default route, or as marks direct them',
      async () => {
        const { namespacePath } = lab().lab.record().world;
        await inPlace(
          lab(),
          'node-1',
          `ip link add eth1 type veth peer name side netns ${namespacePath} &&
         ip link set eth1 up && ip address add ${second.node}/16 dev eth1`,
        );
        await inPlace(
          lab(),
          'world',
          `ip link set side up && ip address add ${second.router}/16 dev side`,
        );
        await inPlace(lab(), 'node-1', counting);
        await asked(lab());
        const before = await answersBy(lab());
        assert.ok(before.eth0 > 0 && before.eth1 === 0, JSON.stringify(before));
        await inPlace(lab(), 'node-1', leadBack);
        await asked(lab());
        const after = await answersBy(lab());
        assert.ok(after.eth0 === before.eth0 && after.eth1 > 0, JSON.stringify(after));
        const { facts } = await lab().status('node-1');
        assert.deepEqual(
          facts.filter(({ state }) => state === 'problem'),
          [],
        );
      },
    );
  });
}

// After the source was translated back.
const counting = `nft -f - <<'END'
table inet seen {
  counter eth0 { }
  counter eth1 { }
  chain out {
    type filter hook postrouting priority 300; policy accept;
    oifname "eth0" ip daddr ${world} tcp sport ${hostPort} counter name eth0
    oifname "eth1" ip daddr ${world} tcp sport ${hostPort} counter name eth1
  }
}
END`;

interface Answers {
  readonly eth0: number;
  readonly eth1: number;
}

async function answersBy(lab: TestLab): Promise<Answers> {
  const packets = async (name: keyof Answers): Promise<number> => {
    const { stdout } = await lab.inNode('node-1', ['nft', 'list', 'counter', 'inet', 'seen', name]);
    return Number(/packets (\d+)/.exec(stdout)?.[1]);
  };
  return { eth0: await packets('eth0'), eth1: await packets('eth1') };
}

/** From the world's first address, at the node's second. */
async function asked(lab: TestLab): Promise<void> {
  const [program = '', ...words] = curl(second.node);
  const url = words.at(-1)?.replace(':8080', `:${hostPort}`) ?? '';
  const command = [program, '--interface', world, ...words.slice(0, -1), url];
  assert.equal(echoAnswer(await lab.inNode('world', command)).pod, 'shop/web-1');
}

async function inPlace(lab: TestLab, place: string, script: string): Promise<void> {
  const { exitCode, stderr } = await lab.inNode(place, ['bash', '-ec', script]);
  assert.equal(exitCode, 0, `${script}\n${stderr}`);
}
