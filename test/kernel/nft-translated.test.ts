// Connections that NAT translates: a segment outside the window is lost and answered by no reset, and a pod's path-MTU
// errors do not speak for its node. By nftables alone, in three namespaces: a node, a pod and the network outside, where
// only frames speak.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { NftDrops } from '../../src/datapath/nft/drops.ts';
import { nftContents } from '../../src/datapath/nft/rules.ts';
import { nftTable } from '../../src/datapath/nft/table.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { nftCounters } from '../../src/kernel/netfilter/nft-counters.ts';
import { Nftables } from '../../src/kernel/netfilter/nftables.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import type { DesiredState } from '../../src/model/desired.ts';
import type { LocalEndpoint } from '../../src/model/endpoint.ts';
import { parseAddress } from '../../src/net/address.ts';
import { macBytes } from '../../src/net/mac.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { Capture } from '../support/capture.ts';
import { endpointCollection } from '../support/compute-desired.ts';
import { entriesOf } from '../support/entries-of.ts';
import { portOf, sendFrames } from '../support/forged-frames.ts';
import { placeOf, runIn, spawnIn, testNamespace } from '../support/namespaces.ts';
import { tcpFlags } from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';
import { applyEntries } from '../support/table-contract.ts';
import {
  type Arrived,
  arrivedAt,
  type Segment,
  segmentFrame,
  tooBigFrame,
} from '../support/tcp-frames.ts';

const families = [
  {
    ...{ version: 4, pod: '192.0.2.2', router: '192.0.2.1', node: '198.51.100.1' },
    ...{ world: '203.0.113.9', exempt: '203.0.113.77' },
    ...{ farPod: '192.0.2.130', container: '198.18.0.2' },
  },
  {
    ...{ version: 6, pod: '2001:db8:1::2', router: '2001:db8:1::1', node: '2001:db8:ffff::1' },
    ...{ world: '2001:db8:9::9', exempt: '2001:db8:9::77' },
    ...{ farPod: '2001:db8:2::2', container: '2001:db8:77::2' },
  },
] as const;
type Family = (typeof families)[number];

const hostPort = 18080;
const podPort = 8080;
const podLink = 'hd00000000001';
const { syn, ack, rst } = tcpFlags;
const prefixes = (...texts: string[]) => texts.map((text) => parsePrefix(text));

const desired = {
  podRanges: [],
  podSources: prefixes('192.0.2.0/24', '2001:db8:1::/64', '2001:db8:2::/64'),
  endpoints: endpointCollection([
    {
      addresses: families.map(({ pod }) => parseAddress(pod)),
      portMappings: [{ protocol: 'tcp', hostPort, containerPort: podPort }],
    } as unknown as LocalEndpoint,
  ]),
  masquerade: {
    sources: prefixes('192.0.2.0/24', '2001:db8:1::/64'),
    exempt: prefixes('192.0.2.0/24', '2001:db8:1::/64', '203.0.113.77/32', '2001:db8:9::77/128'),
    nodeSources: [],
  },
} as unknown as DesiredState;

const nodePorts = { container: 30001, farPod: 30002 } as const;
/** As kube-proxy and Docker translate: all clients of the far pod are masqueraded. */
const otherRules = `table inet others {
  chain prerouting { type nat hook prerouting priority -100;
    ${families
      .flatMap((family) =>
        (['container', 'farPod'] as const).map(
          (name) =>
            `ip${family.version === 6 ? '6' : ''} daddr ${family.node} tcp dport ${nodePorts[name]} ` +
            `dnat ip${family.version === 6 ? '6' : ''} to ${family[name]}`,
        ),
      )
      .join('\n')}
  }
  chain postrouting { type nat hook postrouting priority 100;
    oifname dk0 tcp dport ${nodePorts.farPod} masquerade
    iifname dk0 oifname up0 masquerade
  }
}`;

/** A host that speaks by frames alone. */
interface Side {
  send(segment: Segment): void;
  sendTooBig(about: Segment): void;
  arrived(): Arrived;
}

interface Place {
  readonly node: NetworkNamespace;
  readonly pod: Side;
  readonly outside: Side;
  /** Behind another interface: a container of another network, and a pod of another node. */
  readonly beside: Side;
  /** By reason, since the last call. */
  drops(): Readonly<Record<string, number>>;
}

/** An open connection: the next segments of both sides, as each of them writes it. */
interface Connection {
  readonly client: Segment;
  readonly server: Segment;
}

function open(
  client: Side,
  server: Side,
  first: Omit<Segment, 'flags' | 'sequence' | 'acknowledged'>,
) {
  const begin = { ...first, flags: syn, sequence: 1000, acknowledged: 0 };
  client.arrived();
  server.arrived();
  client.send(begin);
  const [asked = assert.fail('no SYN arrived')] = server.arrived().segments;
  const answer = { ...turned(asked), flags: syn | ack, sequence: 9000, acknowledged: 1001 };
  server.send(answer);
  const [answered = assert.fail('no SYN-ACK arrived')] = client.arrived().segments;
  const next = { ...turned(answered), flags: ack, sequence: 1001, acknowledged: 9001 };
  client.send(next);
  assert.equal(server.arrived().segments.length, 1);
  return { client: next, server: { ...answer, flags: ack, sequence: 9001 } };
}

function turned(segment: Segment): Segment {
  const { source, destination, sourcePort, destinationPort } = segment;
  const ends = { source: destination, destination: source };
  return { ...segment, ...ends, sourcePort: destinationPort, destinationPort: sourcePort };
}

function stray(segment: Segment): Segment {
  return { ...segment, sequence: segment.sequence + 50_000_000, bytes: 100 };
}

function resets({ segments }: Arrived): number {
  return segments.filter(({ flags }) => (flags & rst) !== 0).length;
}

function masqueraded({ pod, outside }: Place, family: Family, sourcePort: number): Connection {
  const ends = { source: family.pod, destination: family.world };
  return open(pod, outside, { ...ends, sourcePort, destinationPort: 443 });
}

function toHostPort({ pod, outside }: Place, family: Family, sourcePort: number): Connection {
  const ends = { source: family.exempt, destination: family.node };
  return open(outside, pod, { ...ends, sourcePort, destinationPort: hostPort });
}

const lost = { 'segment outside its connection': 1 };
const silenced = { 'speaks for the node': 1 };

rootTest('a segment outside its translated connection is lost, not answered', (context) => {
  const place = build(context);
  const { node, pod, outside, drops } = place;
  let sourcePort = 4000;
  const attempts = (family: Family, where: string) => [
    {
      what: `${where}IPv${family.version}, a server to the pod's node`,
      hurt: () => {
        const { server } = masqueraded(place, family, sourcePort++);
        outside.send(stray(server));
        return resets(outside.arrived());
      },
    },
    {
      what: `${where}IPv${family.version}, a client to a host port`,
      hurt: () => {
        const { client } = toHostPort(place, family, sourcePort++);
        outside.send(stray(client));
        return resets(outside.arrived());
      },
    },
    {
      what: `${where}IPv${family.version}, a pod to a client of its host port`,
      hurt: () => {
        const { server } = toHostPort(place, family, sourcePort++);
        pod.send(stray({ ...server, source: family.pod, sourcePort: podPort }));
        return outside.arrived().segments.length;
      },
    },
  ];
  for (const family of families) {
    for (const { what, hurt } of attempts(family, '')) {
      assert.equal(hurt(), 0, what);
      assert.deepEqual(drops(), lost, what);
    }
  }
  for (const chain of ['translated_passes', 'translated_enters']) {
    runIn(node, 'nft', 'flush', 'chain', 'inet', 'heddle', chain);
  }
  for (const family of families) {
    for (const { what, hurt } of attempts(family, 'without rules: ')) {
      assert.equal(hurt(), 1, what);
    }
  }
});

rootTest('a connection goes on after such a segment', (context) => {
  const place = build(context);
  for (const family of families) {
    const { client, server } = masqueraded(place, family, 4000);
    place.outside.send(stray(server));
    place.outside.send({ ...server, bytes: 10 });
    assert.equal(place.pod.arrived().segments.length, 1);
    place.pod.send({ ...client, acknowledged: client.acknowledged + 10, bytes: 10 });
    assert.equal(place.outside.arrived().segments.length, 1);
  }
});

rootTest(
  "a segment outside the window of the node's own connection is answered",
  async (context) => {
    const place = build(context);
    const { node, outside, drops } = place;
    const script = `require('node:net').createServer(() => {}).listen(7000, '::', () => console.log('ready'))`;
    const server = spawnIn(node, process.execPath, ['-e', script]);
    context.after(() => server.kill());
    await new Promise((resolve) => server.stdout?.once('data', resolve));
    for (const { version, world, node: own } of families) {
      const ends = { source: world, destination: own, sourcePort: 4000, destinationPort: 7000 };
      outside.send({ ...ends, flags: syn, sequence: 1000, acknowledged: 0 });
      const [answer = assert.fail(`IPv${version}: no SYN-ACK`)] = outside.arrived().segments;
      const acknowledged = (answer.sequence + 1) >>> 0;
      const next = { ...ends, flags: ack, sequence: 1001, acknowledged };
      outside.send(next);
      outside.arrived();
      outside.send(stray(next));
      const [challenge = assert.fail(`IPv${version}: no answer`)] = outside.arrived().segments;
      assert.deepEqual([challenge.flags & rst, challenge.acknowledged], [0, 1001]);
      assert.deepEqual(drops(), {});
    }
  },
);

rootTest("a pod's path-MTU error about a translated connection goes nowhere", (context) => {
  const place = build(context);
  const { node, pod, outside, drops } = place;
  let sourcePort = 4000;
  const attempts = (family: Family, where: string) => [
    {
      what: `${where}IPv${family.version}, to a server outside`,
      send: () => {
        const { client } = masqueraded(place, family, sourcePort++);
        pod.sendTooBig({ ...turned(client), sequence: 9001, bytes: 8 });
      },
    },
    {
      what: `${where}IPv${family.version}, to a client of its host port`,
      send: () => {
        const { server } = toHostPort(place, family, sourcePort++);
        pod.sendTooBig({ ...turned(server), sequence: 1001, bytes: 8 });
      },
    },
  ];
  for (const family of families) {
    for (const { what, send } of attempts(family, '')) {
      send();
      assert.equal(outside.arrived().errors, 0, what);
      assert.deepEqual(drops(), silenced, what);
    }
  }
  for (const chain of ['translated_passes', 'translated_enters']) {
    runIn(node, 'nft', 'flush', 'chain', 'inet', 'heddle', chain);
  }
  for (const family of families) {
    for (const { what, send } of attempts(family, 'without rules: ')) {
      send();
      assert.equal(outside.arrived().errors, 1, what);
    }
  }
});

/** Connections that others translate, of a container and of a pod of another node. */
function besides(place: Place, family: Family, sourcePort: number) {
  const { beside, outside } = place;
  const published = (name: 'container' | 'farPod'): Connection => {
    const ends = { source: family.exempt, destination: family.node };
    return open(outside, beside, { ...ends, sourcePort, destinationPort: nodePorts[name] });
  };
  return {
    masqueraded: () => {
      const ends = { source: family.container, destination: family.world };
      return open(beside, outside, { ...ends, sourcePort, destinationPort: 443 });
    },
    toContainer: () => published('container'),
    toFarPod: () => published('farPod'),
  };
}

rootTest('nor does one of a container, or of a pod of another node', (context) => {
  const place = build(context);
  const { node, outside, beside, drops } = place;
  for (const isRuled of [true, false]) {
    if (!isRuled) runIn(node, 'nft', 'flush', 'chain', 'inet', 'heddle', 'translated_passes');
    families.forEach((family, index) => {
      const sourcePort = 5000 + index + (isRuled ? 0 : 10);
      const all = besides(place, family, sourcePort);
      const { client } = all.masqueraded();
      const senders = [
        ['a masqueraded container', { ...turned(client), sequence: 9001 }],
        ['a container', { ...turned(all.toContainer().server), sequence: 1001 }],
        ['a pod of another node', { ...turned(all.toFarPod().server), sequence: 1001 }],
      ] as const;
      outside.arrived();
      for (const [sender, about] of senders) {
        const what = `${isRuled ? '' : 'without rules: '}IPv${family.version}, ${sender}`;
        beside.sendTooBig({ ...about, bytes: 8 });
        assert.equal(outside.arrived().errors, isRuled ? 0 : 1, what);
        assert.deepEqual(drops(), isRuled ? silenced : {}, what);
      }
    });
  }
});

rootTest("routers' path-MTU errors about translated connections arrive", (context) => {
  const place = build(context);
  const { pod, outside, beside, drops } = place;
  families.forEach((family, index) => {
    const all = besides(place, family, 6000 + index);
    const inward = [
      ['a masqueraded pod', pod, turned(masqueraded(place, family, 6000 + index).server)],
      ['a host port', pod, turned(toHostPort(place, family, 6000 + index).client)],
      ['a masqueraded container', beside, turned(all.masqueraded().server)],
      ['a container', beside, turned(all.toContainer().client)],
      ['a pod of another node', beside, turned(all.toFarPod().client)],
    ] as const;
    for (const [receiver, side, about] of inward) {
      side.arrived();
      outside.sendTooBig({ ...about, bytes: 8 });
      const what = `IPv${family.version}, to ${receiver}`;
      assert.equal(side.arrived().errors, 1, what);
      assert.deepEqual(drops(), {}, what);
    }
  });
});

rootTest('the node as a client of a host port believes nothing about itself', async (context) => {
  const place = build(context);
  const { node, pod, drops } = place;
  for (const isRuled of [true, false]) {
    if (!isRuled) runIn(node, 'nft', 'flush', 'chain', 'inet', 'heddle', 'translated_enters');
    for (const target of ['127.0.0.1', '198.51.100.1', '2001:db8:ffff::1']) {
      const what = `${isRuled ? '' : 'without rules: '}${target}`;
      pod.arrived();
      const script = `exec 3<>/dev/tcp/${target}/${hostPort}; sleep 60`;
      const client = spawnIn(node, 'bash', ['-c', script]);
      context.after(() => client.kill());
      const asked = await eventually(() => pod.arrived().segments[0]);
      const acknowledged = (asked.sequence + 1) >>> 0;
      pod.send({ ...turned(asked), flags: syn | ack, sequence: 9000, acknowledged });
      const confirmed = pod.arrived().segments[0] ?? assert.fail(`${what}: no ACK`);
      assert.deepEqual([confirmed.flags & rst, confirmed.acknowledged], [0, 9001], what);
      pod.send(stray({ ...turned(asked), flags: ack, sequence: 9001, acknowledged }));
      assert.equal(resets(pod.arrived()), isRuled ? 0 : 1, what);
      pod.sendTooBig({ ...confirmed, bytes: 8 });
      const route = runIn(node, 'ip', 'route', 'get', target);
      // The kernel believes none about its own IPv6 addresses.
      assert.equal(/mtu 1280/.test(route), !isRuled && !target.includes(':'), what);
      if (isRuled) assert.deepEqual(drops(), { ...lost, ...silenced }, what);
    }
  }
});

async function eventually<Found>(look: () => Found | undefined): Promise<Found> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const found = look();
    if (found !== undefined) return found;
    await setTimeout(50);
  }
  return assert.fail('nothing arrived');
}

function build(context: TestContext): Place {
  const [node, pod, outside, beside] = [1, 2, 3, 4].map(() => testNamespace(context));
  assert(node && pod && outside && beside);
  const own = `/proc/${process.pid}/fd/`;
  for (const [namespace, ...commands] of [
    [
      node,
      `link add ${podLink} type veth peer name eth0 netns ${own}${pod.fd}`,
      `link add up0 type veth peer name net0 netns ${own}${outside.fd}`,
      `link add dk0 type veth peer name eth0 netns ${own}${beside.fd}`,
      'link set lo up',
      'link set dk0 up',
      `link set ${podLink} up`,
      'link set up0 up',
      'address add 198.51.100.1/24 dev up0',
      'address add 2001:db8:ffff::1/64 dev up0 nodad',
      `address add 192.0.2.1/24 dev ${podLink}`,
      `address add 2001:db8:1::1/64 dev ${podLink} nodad`,
    ],
    [pod, 'link set eth0 up'],
    [beside, 'link set eth0 up'],
    [outside, 'link set net0 up'],
  ] as const) {
    for (const command of commands) runIn(namespace, 'ip', ...command.split(' '));
  }
  for (const { version, pod: address, world, exempt, farPod, container } of families) {
    const { mac } = portOf(placeOf(pod));
    runIn(node, 'ip', 'neigh', 'add', address, 'lladdr', mac, 'dev', podLink);
    for (const [each, link, { mac }] of [
      [world, 'up0', portOf(placeOf(outside), 'net0')],
      [exempt, 'up0', portOf(placeOf(outside), 'net0')],
      [farPod, 'dk0', portOf(placeOf(beside))],
      [container, 'dk0', portOf(placeOf(beside))],
    ] as const) {
      runIn(node, 'ip', `-${version}`, 'route', 'add', each, 'dev', link);
      runIn(node, 'ip', 'neigh', 'add', each, 'lladdr', mac, 'dev', link);
    }
  }
  runIn(node, 'nft', otherRules);
  runIn(node, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  runIn(node, 'sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1');
  const nft = Nftables.open(node);
  const socket = NetlinkSocket.open({ namespace: node, family: 'netfilter' });
  context.after(() => socket[Symbol.dispose]());
  context.after(() => nft[Symbol.dispose]());
  const drops = new NftDrops(nft, () => nftCounters(socket, 'heddle'));
  applyEntries(nftTable(drops), entriesOf(nftContents(), desired));
  return {
    node,
    pod: sideOf(context, [pod, 'eth0'], [node, podLink]),
    outside: sideOf(context, [outside, 'net0'], [node, 'up0']),
    beside: sideOf(context, [beside, 'eth0'], [node, 'dk0']),
    drops: countedSince(drops),
  };
}

function countedSince(drops: NftDrops): Place['drops'] {
  const before = new Map<string, number>();
  return () => {
    const counts = drops.byReason().map(({ reason, packets }) => {
      const more = packets - (before.get(reason) ?? 0);
      before.set(reason, packets);
      return [reason, more] as const;
    });
    return Object.fromEntries(counts.filter(([, more]) => more > 0));
  };
}

function sideOf(
  context: TestContext,
  [namespace, name]: readonly [NetworkNamespace, string],
  [node, link]: readonly [NetworkNamespace, string],
): Side {
  const capture = Capture.start(placeOf(namespace));
  context.after(() => capture[Symbol.dispose]());
  const port = portOf(placeOf(namespace), name);
  const macs = { sourceMac: port.mac, destinationMac: portOf(placeOf(node), link).mac };
  return {
    send: (segment) => sendFrames(port, [segmentFrame(segment, macs)]),
    sendTooBig: (about) => sendFrames(port, [tooBigFrame(about, macs)]),
    arrived: () => arrivedAt(capture, macBytes(port.mac)),
  };
}
