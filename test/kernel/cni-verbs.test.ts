// CNI verbs from the bytes of the shim to the kernel: real namespaces, real links, records on disk.

import assert from 'node:assert/strict';
import {
  assertFails,
  footprint,
  makeNode,
  makePod,
  nodeAddresses,
  type TestNode,
} from '../support/cni-node.ts';
import { runIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

rootTest('ADD creates a dual-stack pod that reaches its node and is reached', async (context) => {
  const node = makeNode(context);
  const pod = makePod(context);
  const added = await node.call('ADD', pod);
  assert.equal(added.exitCode, 0, JSON.stringify(added.json));
  const [endpoint] = node.pods.endpoints();
  assert.deepEqual(endpoint?.addresses, ['10.201.1.2', 'fd00:201:1::2']);
  assert.deepEqual(added.json?.['ips'], [
    { address: '10.201.1.2/32', gateway: '169.254.1.1', interface: 1 },
    { address: 'fd00:201:1::2/128', gateway: 'fe80::1', interface: 1 },
  ]);
  const interfaces = [
    { name: endpoint?.hostIfName, mac: '02:68:65:64:64:6c', mtu: 1450 },
    { name: 'eth0', mac: endpoint?.mac, mtu: 1450, sandbox: pod.path },
  ];
  assert.deepEqual(added.json['interfaces'], interfaces);
  for (const address of endpoint?.addresses ?? []) {
    runIn(node.namespace, 'busybox', 'ping', '-c1', '-W1', address);
  }
  for (const address of nodeAddresses)
    runIn(pod.namespace, 'busybox', 'ping', '-c1', '-W1', address);
  runIn(pod.namespace, 'busybox', 'ping', '-c1', '-W1', '127.0.0.1');
  // No neighbour was requested, and no address generated.
  const addresses = runIn(pod.namespace, 'ip', '-6', '-o', 'address', 'show', 'dev', 'eth0');
  assert.doesNotMatch(addresses, /fe80|tentative/);
  assert.equal(addresses.trim().split('\n').length, 1);
});

rootTest('a pod gets IPv6 even if new interfaces have it disabled', async (context) => {
  const node = makeNode(context);
  const pod = makePod(context);
  for (const { namespace } of [node, pod]) {
    const file = '/proc/sys/net/ipv6/conf/default/disable_ipv6';
    runIn(namespace, 'sh', '-c', `echo 1 > ${file}`);
  }
  const added = await node.call('ADD', pod);
  assert.equal(added.exitCode, 0, JSON.stringify(added.json));
  runIn(node.namespace, 'busybox', 'ping', '-c1', '-W1', 'fd00:201:1::2');
});

for (const [range, address, other] of [
  ['10.201.1.0/24', '10.201.1.2', '-6'],
  ['fd00:201:1::/64', 'fd00:201:1::2', '-4'],
] as const) {
  rootTest(
    `a pod of a node with only ${range} has nothing of the other family`,
    async (context) => {
      const node = makeNode(context, [range]);
      const pod = makePod(context);
      const added = await node.call('ADD', pod);
      assert.equal(added.exitCode, 0, JSON.stringify(added.json));
      assert.equal((await node.call('CHECK', pod, { prevResult: added.json })).exitCode, 0);
      runIn(node.namespace, 'busybox', 'ping', '-c1', '-W1', address);
      assert.equal(runIn(pod.namespace, 'ip', other, 'address', 'show', 'dev', 'eth0'), '');
      assert.equal(runIn(pod.namespace, 'ip', other, 'route', 'show', 'default'), '');
    },
  );
}

rootTest('CHECK finds nothing after ADD, and names manual changes', async (context) => {
  const node = makeNode(context);
  const pod = makePod(context);
  const prevResult = (await node.call('ADD', pod)).json;
  const check = () => node.call('CHECK', pod, { prevResult });
  assert.deepEqual(await check(), { exitCode: 0, json: undefined });
  const ip = (...args: string[]) => runIn(pod.namespace, 'ip', ...args);

  ip('address', 'add', '192.0.2.77/32', 'dev', 'eth0');
  assert.equal((await check()).exitCode, 0, 'what others add is theirs');
  ip('address', 'delete', '10.201.1.2/32', 'dev', 'eth0');
  assertFails(await check(), 100, /CHECK container .*: .*no longer has its address 10.201.1.2/);
  ip('route', 'delete', 'default');
  ip('-6', 'neigh', 'delete', 'fe80::1', 'dev', 'eth0');
  ip('link', 'set', 'eth0', 'mtu', '1400');
  const hostIfName = node.pods.endpoints()[0]?.hostIfName ?? '';
  runIn(node.namespace, 'ip', 'link', 'set', hostIfName, 'down');
  assertFails(
    await check(),
    100,
    /is down; .*MTU 1400 instead of 1450; .*no longer has its address/,
  );
  assertFails(await check(), 100, /route 0.0.0.0\/0 via 169.254.1.1; .*neighbour.*fe80::1/);
  assertFails(
    await node.call('CHECK', pod, { prevResult: { ips: [], interfaces: [] } }),
    100,
    /prevResult does not have its address 10.201.1.2; .*fd00:201:1::2; .*its interface eth0/,
  );
  ip('link', 'delete', 'eth0');
  assertFails(await check(), 100, /interface hd[0-9a-f]{11} on the node is missing/);
});

rootTest('CHECK of a container that was never added is code 3', async (context) => {
  const node = makeNode(context);
  const answer = await node.call('CHECK', makePod(context), { prevResult: {} });
  assertFails(answer, 3, /CHECK container .*: this node has no such endpoint/);
});

rootTest(
  'DEL leaves nothing, with or without the namespace, and can be repeated',
  async (context) => {
    const node = makeNode(context);
    const before = footprint(node);
    const environments = [{}, { CNI_NETNS: '' }, { CNI_NETNS: '/run/netns/heddle-test-gone' }];
    for (const environment of environments) {
      const pod = makePod(context);
      const answer = await node.call('ADD', pod);
      assert.equal(answer.exitCode, 0);
      if ('CNI_NETNS' in environment) pod.end();
      for (let run = 0; run < 3; run++) {
        const deleted = await node.call('DEL', pod, { environment });
        assert.deepEqual(deleted, { exitCode: 0, json: undefined });
      }
      pod.end();
    }
    assert.deepEqual(footprint(node), before);
  },
);

rootTest('50 pods added and deleted leave nothing and use each address once', async (context) => {
  const node = makeNode(context);
  const pod = makePod(context);
  const before = footprint(node);
  const given = new Set<unknown>();
  for (let run = 0; run < 50; run++) {
    const added = await node.call('ADD', pod);
    assert.equal(added.exitCode, 0, JSON.stringify(added.json));
    given.add(JSON.stringify(added.json?.['ips']));
    assert.equal((await node.call('DEL', pod)).exitCode, 0);
  }
  assert.equal(given.size, 50);
  assert.deepEqual(footprint(node), before);
});

rootTest('20 pods added and deleted concurrently do not affect each other', async (context) => {
  const node = makeNode(context);
  const pods = Array.from({ length: 20 }, () => makePod(context));
  const before = footprint(node);
  const added = await Promise.all(pods.map((pod) => node.call('ADD', pod)));
  assert.deepEqual(new Set(added.map(({ exitCode }) => exitCode)), new Set([0]));
  assert.equal(new Set(node.pods.endpoints().flatMap(({ addresses }) => addresses)).size, 40);
  assert.equal(new Set(node.pods.endpoints().map(({ id }) => id)).size, 20);
  for (const { addresses } of node.pods.endpoints()) {
    runIn(node.namespace, 'busybox', 'ping', '-c1', '-W1', addresses[0] ?? '');
  }
  const deleted = await Promise.all(pods.map((pod) => node.call('DEL', pod)));
  assert.deepEqual(new Set(deleted.map(({ exitCode }) => exitCode)), new Set([0]));
  assert.deepEqual(footprint(node), before);
});

rootTest('an ADD for an existing interface is refused and harms nothing', async (context) => {
  const node = makeNode(context);
  const pod = makePod(context);
  await node.call('ADD', pod);
  const before = footprint(node);
  assertFails(
    await node.call('ADD', pod),
    101,
    /ADD shop\/container-\d+ eth0: interface eth0 already exists/,
  );
  assert.deepEqual(footprint(node), before);
  const prevResult = { interfaces: [{ name: 'eth0', sandbox: pod.path }], ips: [] };
  assertFails(await node.call('CHECK', pod, { prevResult }), 100, /: prevResult does not have/);
});

rootTest('a second interface does not take the default route from the first', async (context) => {
  const node = makeNode(context);
  const pod = makePod(context);
  await node.call('ADD', pod);
  const before = footprint(node);
  const second = await node.call('ADD', pod, { environment: { CNI_IFNAME: 'net1' } });
  assertFails(second, 999, /ADD .* net1: route add 0.0.0.0\/0 via 169.254.1.1.*: EEXIST/);
  assert.match(
    String(second.json?.['details']),
    /a default route through another interface; .* one interface/,
  );
  assert.deepEqual(footprint(node), before);
  assert.match(runIn(pod.namespace, 'ip', 'route'), /^default via 169.254.1.1 dev eth0/);
});

const badNamespaces: readonly [string, (node: TestNode) => string, RegExp][] = [
  [
    'that is not there',
    () => '/run/netns/heddle-test-gone',
    /CNI_NETNS: open .*heddle-test-gone: ENOENT/,
  ],
  ['that is no namespace', () => '/etc/hostname', /CNI_NETNS: .*not a network namespace/],
  [
    'of the node itself',
    ({ namespace }) => `/proc/${process.pid}/fd/${namespace.fd}`,
    /network namespace of the node itself/,
  ],
];

for (const [name, pathOf, text] of badNamespaces) {
  rootTest(`an ADD into a namespace ${name} is code 8 and leaves nothing`, async (context) => {
    const node = makeNode(context);
    const pod = makePod(context);
    const before = footprint(node);
    const environment = { CNI_NETNS: pathOf(node) };
    assertFails(await node.call('ADD', pod, { environment }), 8, text);
    assert.deepEqual(footprint(node), before);
  });
}
