// Packets that a node sends or routes into the tunnel with addresses outside its pod range: the other node accepts them
// from the tunnel device's address, also with strict reverse-path filters.

import assert from 'node:assert/strict';
import { before, describe } from 'node:test';
import { curl, echoAnswer, sharedLab, type TestLab, threePods } from '../support/lab.ts';
import { ping } from '../support/lab-traffic.ts';
import { reasonToSkip, rootTest } from '../support/root-test.ts';

const families = [4, 6] as const;
type Family = (typeof families)[number];

const router = { 4: '10.201.1.1', 6: 'fd00:201:1::1' } as const;
const second = { 4: '10.200.0.99', 6: 'fd00:200::99' } as const;
const virtual = { 4: '192.0.2.50', 6: '2001:db8::50' } as const;
const service = { 4: '10.96.0.1', 6: 'fd00:96::1' } as const;
const uplink = { 4: '10.99.0.11', 6: 'fd00:99::11' } as const;

describe('packets of a node to pods of another node, vxlan', () => {
  const lab = sharedLab({ mode: 'vxlan', manifests: threePods });
  before(async () => {
    if (reasonToSkip() !== undefined) return;
    await inPlace(
      lab(),
      'node-1',
      `ip address add ${second[4]}/32 dev eth0 && ip address add ${second[6]}/128 dev eth0 nodad &&
       ip address add ${virtual[4]}/32 dev lo && ip address add ${virtual[6]}/128 dev lo &&
       nft '${serviceRules(lab())}'`,
    );
  });

  rootTest('from any of its addresses', async () => {
    await allAnswered(lab());
  });

  rootTest('packets that it routes for others', async () => {
    await inPlace(
      lab(),
      'switch',
      'ip route replace 10.201.2.0/24 via 10.200.0.11 && ip -6 route replace fd00:201:2::/64 via fd00:200::11',
    );
    for (const family of families)
      assert.equal(await peerSeenFrom('world', lab(), target(lab(), family)), router[family]);
  });

  rootTest('with strict reverse-path filters everywhere', async () => {
    for (const node of ['node-1', 'node-2']) {
      await inPlace(
        lab(),
        node,
        `for file in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 1 > $file; done && nft '${strict}'`,
      );
    }
    await allAnswered(lab());
    for (const family of families) await ping(lab(), 'web-1', target(lab(), family));
  });

  rootTest('with a default route by a second uplink', async () => {
    const { namespacePath } = lab().lab.record().world;
    await inPlace(
      lab(),
      'node-1',
      `ip link add eth1 type veth peer name side netns ${namespacePath} && ip link set eth1 up &&
       ip address add ${uplink[4]}/16 dev eth1 && ip address add ${uplink[6]}/64 dev eth1 nodad &&
       ip route replace default dev eth1 && ip -6 route replace default dev eth1 metric 1`,
    );
    await inPlace(lab(), 'world', 'ip link set side up');
    for (const family of families) {
      const chosen = await lab().inNode('node-1', ['ip', 'route', 'get', service[family]]);
      assert.match(chosen.stdout, new RegExp(`src ${uplink[family]} `), chosen.stderr);
      assert.equal(await peerSeenFrom('node-1', lab(), service[family]), router[family]);
    }
  });
});

async function allAnswered(lab: TestLab): Promise<void> {
  for (const family of families) {
    const own = lab.address(lab.node('node-1'), family);
    assert.equal(await peerSeenFrom('node-1', lab, service[family]), router[family], 'a Service');
    for (const source of [own, second[family], virtual[family], router[family]]) {
      const words = ['--interface', source];
      const peer = await peerSeenFrom('node-1', lab, target(lab, family), words);
      assert.equal(peer, router[family], source);
    }
  }
}

function target(lab: TestLab, family: Family): string {
  return lab.address(lab.pod('db-1'), family);
}

async function peerSeenFrom(
  place: string,
  lab: TestLab,
  address: string,
  words: readonly string[] = [],
): Promise<string> {
  return echoAnswer(await lab.inNode(place, curl(address, '/', '--max-time', '2', ...words))).peer;
}

/** As kube-proxy without `clusterCIDR` has them: a Service's address is translated, the source is not. */
function serviceRules(lab: TestLab): string {
  return `table inet service { chain output { type nat hook output priority -100;
    ip daddr ${service[4]} dnat ip to ${target(lab, 4)};
    ip6 daddr ${service[6]} dnat ip6 to ${target(lab, 6)}; }; }`;
}

/** As firewalld has it (`IPv6_rpfilter`), for both families. */
const strict = `table inet strict { chain arrives { type filter hook prerouting priority -290;
    icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept;
    meta nfproto { ipv4, ipv6 } fib saddr . mark . iif oif missing drop; }; }`;

async function inPlace(lab: TestLab, place: string, script: string): Promise<void> {
  const { exitCode, stderr } = await lab.inNode(place, ['sh', '-c', script]);
  assert.equal(exitCode, 0, stderr);
}
