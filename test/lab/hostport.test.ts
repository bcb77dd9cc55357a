// Host ports: a port of the node that leads to a pod, from every side, both families, TCP and UDP, in both modes.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe } from 'node:test';
import { labProgram } from '../../src/lab/paths.ts';
import { type Finished, spawnInPlace } from '../../src/lab/spawn.ts';
import {
  curl,
  echoAnswer,
  echoPod,
  eventuallyDefined,
  sharedLab,
  type TestLab,
  urlHost,
  writeManifest,
} from '../support/lab.ts';
import { type DatagramCount, datagramsOfNode, echoDatagrams } from '../support/lab-traffic.ts';
import { rootTest } from '../support/root-test.ts';

const families = [4, 6] as const;
type Family = (typeof families)[number];
const hostPort = 18080;
const served = 'shop/web-1';
// CURLE_COULDNT_CONNECT, unlike a time-out.
const couldNotConnect = 7;

/** The echo server with its port 8080 on the node's port 18080, TCP and UDP. */
function servedPod(ports: readonly object[]): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'shop', name: 'web-1' },
    spec: { nodeName: 'node-1', containers: [{ name: 'echo', image: 'heddle-echo', ports }] },
  };
}

const everywhere = [
  { containerPort: 8080, hostPort },
  { containerPort: 8080, hostPort, protocol: 'UDP' },
];
const others = [echoPod('cart-1', 'node-1'), echoPod('db-1', 'node-2')];

// The source and its namespace.
const origins = [
  ['the node itself', 'node-1'],
  ['another node', 'node-2'],
  ['outside', 'world'],
  ['a pod beside it', 'cart-1'],
  ['a pod on another node', 'db-1'],
  ['the pod itself', 'web-1'],
] as const;

for (const mode of ['native', 'vxlan'] as const) {
  describe(`host ports, ${mode}`, () => {
    const lab = sharedLab({ mode, manifests: { 'pods.yaml': [servedPod(everywhere), ...others] } });
    for (const family of families) {
      for (const [who, place] of origins) {
        rootTest(`${who} reaches the pod over TCP and UDP, IPv${family}`, () =>
          reaches(lab(), place, nodeAddress(lab(), family)),
        );
      }
    }
    rootTest('the node reaches it at 127.0.0.1, no other node at its own', async () => {
      await reaches(lab(), 'node-1', '127.0.0.1');
      const { exitCode } = await run(lab(), 'node-2', fetchFrom('127.0.0.1'));
      assert.notEqual(exitCode, 0);
    });
    rootTest(
      'the node is refused at ::1, and by the name localhost reaches it immediately',
      async () => {
        assert.equal((await run(lab(), 'node-1', fetchFrom('::1'))).exitCode, couldNotConnect);
        assert.equal(echoAnswer(await run(lab(), 'node-1', fetchFrom('localhost'))).pod, served);
        await assert.rejects(
          echoed(lab(), 'node-1', { address: '::1', port: hostPort }),
          /ECONNREFUSED/,
        );
      },
    );
    rootTest("the pod sees the client's address, except for itself", async () => {
      const address = nodeAddress(lab(), 4);
      const seen = async (place: string) =>
        echoAnswer(await run(lab(), place, fetchFrom(address))).peer;
      assert.equal(await seen('cart-1'), lab().address(lab().pod('cart-1'), 4));
      assert.equal(await seen('world'), '203.0.113.10');
      const db = mode === 'native' ? lab().pod('db-1') : lab().node('node-2');
      assert.equal(await seen('db-1'), lab().address(db, 4));
      assert.equal(await seen('web-1'), address);
    });
  });
}

describe('a host port that is also a Service of kube-proxy at the address of the node', () => {
  const servedAlone = [servedPod(everywhere), ...others];
  const lab = sharedLab({ mode: 'native', manifests: { 'pods.yaml': servedAlone } });

  rootTest('leads to the Service, whose connections continue when host ports change', async () => {
    const [node, backend] = [nodeAddress(lab(), 4), lab().address(lab().pod('db-1'), 4)];
    const service = `iptables-nft -t nat -A PREROUTING -d ${node} -p tcp --dport ${hostPort} -j DNAT --to ${backend}:8080 &&
      iptables-nft -t nat -A POSTROUTING -d ${backend} -j MASQUERADE --random-fully`;
    assert.equal((await run(lab(), 'node-1', ['sh', '-c', service])).exitCode, 0);
    const before = await ruleset(lab());
    await run(lab(), 'node-1', ['nft', 'delete', 'table', 'inet', 'heddle']);
    await eventuallyDefined('our table is back', async () =>
      (await ruleset(lab())).includes('host_ports_in') ? true : undefined,
    );
    assert.match(before, /host_ports_in/);
    assert.equal(echoAnswer(await run(lab(), 'world', fetchFrom(node))).pod, 'shop/db-1');
    const held = await run(lab(), 'node-1', ['sh', '-c', openConnection(node, backend)]);
    assert.equal(held.exitCode, 0, held.stderr);
    const more = [{ containerPort: 8080, hostPort: 18099 }];
    const second = { ...servedPod(more), metadata: { namespace: 'shop', name: 'web-2' } };
    writeManifest(join(lab().source, 'pods.yaml'), [...servedAlone, second]);
    await eventuallyDefined('the other host port serves', async () => {
      const { exitCode } = await run(lab(), 'world', fetchFrom(node, 18099));
      return exitCode === 0 ? true : undefined;
    });
    assert.match(await tracked(lab(), 'tcp'), /sport=40404 /);
  });
});

describe("a host port that is also a Service's, whose address is local to the node", () => {
  const service = '10.96.0.50';
  const ports = [
    { containerPort: 8080, hostPort: 8080 },
    { containerPort: 8080, hostPort: 8053, hostIP: service },
  ];
  const manifests = { 'pods.yaml': [servedPod(ports), ...others] };
  const lab = sharedLab({ mode: 'native', manifests });

  rootTest('leads to the Service at that address while kube-proxy has it', async () => {
    // A process of the node answers as IPVS would.
    const server = spawnInPlace(lab().node('node-1'), labProgram('echo'), { stdio: 'ignore' });
    const node = nodeAddress(lab(), 4);
    const add = `ip link add kube-ipvs0 type veth peer name ipvs-peer &&
      ip address add ${service}/32 dev kube-ipvs0 && ip link set kube-ipvs0 up`;
    const answers = async (place: string, address: string): Promise<unknown> => {
      const finished = await run(lab(), place, fetchFrom(address, 8080));
      return finished.exitCode === 0 ? echoAnswer(finished).pod === served : undefined;
    };
    try {
      assert.equal((await run(lab(), 'node-1', ['sh', '-c', add])).exitCode, 0);
      await eventuallyDefined('the Service answers', async () =>
        (await answers('node-1', service)) === false ? true : undefined,
      );
      for (const place of ['node-1', 'cart-1']) {
        assert.equal(await answers(place, service), false, `${place} to the Service`);
        assert.equal(await answers(place, node), true, `${place} to the host port`);
        const { exitCode } = await run(lab(), place, fetchFrom(service, 8053));
        assert.equal(exitCode, couldNotConnect, `${place} to a host port that names the Service`);
      }
      const { health } = await lab().status('node-1');
      assert.match(JSON.stringify(health), /hostIP is an address of a Service/);
      assert.equal(await answers('node-1', '127.0.0.1'), true);
    } finally {
      server.kill();
    }
  });
});

/** One that kube-proxy translated and masqueraded, as connection tracking has it while both ends are silent. */
function openConnection(node: string, backend: string): string {
  return `conntrack -I -p tcp -s 203.0.113.10 -d ${node} --sport 40404 --dport ${hostPort} --state ESTABLISHED \
    -u ASSURED,SEEN_REPLY --dst-nat ${backend}:8080 --src-nat ${node}:50505 -t 300`;
}

describe('host ports of one address, and their removal', () => {
  const ports = [
    { containerPort: 8080, hostPort, hostIP: '127.0.0.1' },
    { containerPort: 8080, hostPort: 18081, protocol: 'UDP' },
    { containerPort: 8080, hostPort: 18082, hostIP: 'fd00:200::11' },
    { containerPort: 8080, hostPort: 18083, hostIP: '10.200.0.11' },
  ];
  const lab = sharedLab({
    mode: 'native',
    manifests: { 'pods.yaml': [servedPod(ports), ...others] },
  });

  rootTest('a mapping of 127.0.0.1 is only for the node', async () => {
    const here = echoAnswer(await run(lab(), 'node-1', fetchFrom('127.0.0.1')));
    assert.equal(here.pod, served);
    for (const place of ['node-1', 'world', 'cart-1']) {
      const { exitCode } = await run(lab(), place, fetchFrom(nodeAddress(lab(), 4)));
      assert.notEqual(exitCode, 0, place);
    }
  });

  for (const [family, port, other] of [
    [6, 18082, 18083],
    [4, 18083, 18082],
  ] as const) {
    rootTest(`a mapping of one address applies only there, IPv${family}`, async () => {
      const address = nodeAddress(lab(), family);
      for (const [, place] of origins) {
        assert.equal(echoAnswer(await run(lab(), place, fetchFrom(address, port))).pod, served);
        const { exitCode } = await run(lab(), place, fetchFrom(address, other));
        assert.notEqual(exitCode, 0, `${place} to the port of the other address`);
      }
    });
  }

  rootTest("neither a neighbour nor the pod reaches the node's loopback", async () => {
    // Its echo server listens there too, on port 8080, and would answer.
    const server = spawnInPlace(lab().node('node-1'), labProgram('echo'), { stdio: 'ignore' });
    const loopback = '127.0.0.1';
    const local = ['ip', 'address', 'del', '127.0.0.1/8', 'dev', 'lo'];
    try {
      await eventuallyDefined('the server listens', async () => {
        const { exitCode } = await lab().inNode('node-1', curl(loopback));
        return exitCode === 0 ? true : undefined;
      });
      for (const place of ['node-2', 'web-1']) {
        // Its own kernel must accept the answer; otherwise there would be none in any case.
        const takes = ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet'];
        assert.equal((await run(lab(), place, takes)).exitCode, 0);
        assert.equal((await run(lab(), place, local)).exitCode, 0);
        const via = place === 'web-1' ? '169.254.1.1' : nodeAddress(lab(), 4);
        const device = place === 'web-1' ? ['dev', 'eth0', 'onlink'] : [];
        const route = ['ip', 'route', 'add', loopback, 'via', via, ...device];
        assert.equal((await run(lab(), place, route)).exitCode, 0);
        for (const port of [8080, hostPort]) {
          const { exitCode } = await run(lab(), place, fetchFrom(loopback, port));
          assert.equal(exitCode, 28, `${place} to port ${port}: no answer`);
        }
      }
    } finally {
      server.kill();
    }
  });

  rootTest('its removal deletes rules and connections', async () => {
    await echoed(lab(), 'world', { address: nodeAddress(lab(), 4), port: 18081 });
    assert.match(await ruleset(lab()), /host_ports/);
    assert.match(await tracked(lab()), /dport=18081/);
    writeManifest(join(lab().source, 'pods.yaml'), others);
    await eventuallyDefined('the rules are gone', async () =>
      /host_ports|hairpin/.test(await ruleset(lab())) ? undefined : true,
    );
    // The agent deletes connections after the rules are removed: earlier, they would come back.
    await eventuallyDefined('the connections are gone', async () =>
      /dport=18081/.test(await tracked(lab())) ? undefined : true,
    );
  });
});

function nodeAddress(lab: TestLab, family: Family): string {
  return lab.address(lab.node('node-1'), family);
}

async function reaches(lab: TestLab, place: string, address: string): Promise<void> {
  const finished = await run(lab, place, fetchFrom(address));
  assert.equal(echoAnswer(finished).pod, served);
  const { received, sent } = await echoed(lab, place, { address, port: hostPort });
  assert.equal(received, sent, 'datagrams answered');
}

function fetchFrom(address: string, port = hostPort): readonly string[] {
  const url = `http://${urlHost(address)}:${port}/`;
  return ['curl', '-sS', '--max-time', '2', '-H', 'Accept: application/json', url];
}

function isPod(place: string): boolean {
  return place.endsWith('-1') && !place.startsWith('node-');
}

function run(lab: TestLab, place: string, command: readonly string[]): Promise<Finished> {
  return isPod(place) ? lab.inPod(place, command) : lab.inNode(place, command);
}

function echoed(
  lab: TestLab,
  place: string,
  target: { readonly address: string; readonly port: number },
): Promise<DatagramCount> {
  const options = { ...target, count: 3 };
  return isPod(place) ? echoDatagrams(lab, place, options) : datagramsOfNode(lab, place, options);
}

async function ruleset(lab: TestLab): Promise<string> {
  const { stdout, exitCode, stderr } = await lab.inNode('node-1', ['nft', 'list', 'ruleset']);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

async function tracked(lab: TestLab, protocol = 'udp'): Promise<string> {
  return (await lab.inNode('node-1', ['conntrack', '-L', '-p', protocol])).stdout;
}
