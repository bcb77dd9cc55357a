// A node with two pods and an outside host as namespaces, on which the programs choose the backends of Services and a
// few nftables rules translate, without an agent.

import type { TestContext } from 'node:test';
import { attachTcx } from '../../src/kernel/bpf/attach/tcx.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { type TestDatapath, testDatapath } from './datapath.ts';
import { db, hostSideMac, type Pod, places, uplink, web } from './datapath-network.ts';
import { ipIn, runIn, spawnIn, testNamespace } from './namespaces.ts';

export interface TranslatingNode {
  readonly datapath: TestDatapath;
  readonly node: NetworkNamespace;
  readonly web: NetworkNamespace;
  readonly db: NetworkNamespace;
  readonly world: NetworkNamespace;
}

export const answerPort = 8080;
/** Also the port with which what web sends to the outside leaves the node. */
export const exampleNodePort = 30_080;

export function translatingNode(context: TestContext): TranslatingNode {
  const datapath = testDatapath(context, { services: true });
  const { namespace: node } = datapath;
  const host = { datapath, node };
  runIn(node, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  const world = addWorld(context, node);
  const pods = { web: addPod(context, host, web), db: addPod(context, host, db) };
  const program = datapath.program('from_network');
  attach(context, node, { program, ifIndex: uplink, direction: 'ingress' });
  runIn(node, 'nft', translation);
  // A redirect to a pod that is its own backend would delay the next error to it (the kernel's limit for ICMP).
  const redirects = ['all', `test${web.ifIndex}`].map(
    (name) => `net.ipv4.conf.${name}.send_redirects=0`,
  );
  runIn(node, 'sysctl', '-qw', ...redirects);
  return { ...host, ...pods, world };
}

function addWorld(context: TestContext, node: NetworkNamespace): NetworkNamespace {
  const world = testNamespace(context);
  const [name, peer] = [`test${uplink}`, `peer${uplink}`];
  ipIn(
    node,
    `link set ${peer} netns /proc/${process.pid}/fd/${world.fd}`,
    `address add ${places.node[4]}/24 dev ${name}`,
    `address add ${places.node[6]}/64 dev ${name} nodad`,
  );
  ipIn(
    world,
    ...['link set lo up', `link set ${peer} up`],
    `address add ${places.world[4]}/24 dev ${peer}`,
    `address add ${places.world[6]}/128 dev ${peer} nodad`,
    `route add ${places.node[6]} dev ${peer}`,
    `route add default via ${places.node[4]}`,
    `route add default via ${places.node[6]}`,
    // More specific than the network of the interface.
    `route add 203.0.113.240/28 via ${places.node[4]}`,
  );
  ipIn(node, `route add ${places.world[6]} dev ${name}`);
  return world;
}

function addPod(
  context: TestContext,
  { datapath, node }: Pick<TranslatingNode, 'datapath' | 'node'>,
  pod: Pod,
): NetworkNamespace {
  const namespace = testNamespace(context);
  const [name, peer] = [`test${pod.ifIndex}`, `peer${pod.ifIndex}`];
  ipIn(
    node,
    `link set ${peer} address ${pod.mac} netns /proc/${process.pid}/fd/${namespace.fd}`,
    ...[`route add ${pod[4]} dev ${name}`, `route add ${pod[6]} dev ${name}`],
    `neigh replace ${pod[4]} lladdr ${pod.mac} dev ${name} nud permanent`,
    `neigh replace ${pod[6]} lladdr ${pod.mac} dev ${name} nud permanent`,
  );
  ipIn(
    namespace,
    ...['link set lo up', `link set ${peer} up`],
    `address add ${pod[4]}/32 dev ${peer}`,
    `address add ${pod[6]}/128 dev ${peer} nodad`,
    `neigh add 169.254.1.1 lladdr ${hostSideMac} dev ${peer} nud permanent`,
    `neigh add fe80::1 lladdr ${hostSideMac} dev ${peer} nud permanent`,
    `route add default via 169.254.1.1 dev ${peer} onlink`,
    `route add default via fe80::1 dev ${peer} onlink`,
  );
  const { ifIndex } = pod;
  const [incoming, outgoing] = [datapath.program('from_pod'), datapath.program('to_pod')];
  attach(context, node, { program: incoming, ifIndex, direction: 'ingress' });
  attach(context, node, { program: outgoing, ifIndex, direction: 'egress' });
  return namespace;
}

function attach(
  context: TestContext,
  node: NetworkNamespace,
  target: Parameters<typeof attachTcx>[0],
): void {
  const link = node.run(() => attachTcx(target));
  context.after(() => link[Symbol.dispose]());
}

/** What the programs' marks ask for, in the simplest form. Backend 7 is db, backend 9 is web. */
const translation = `
table inet test_services {
  map backends4 {
    type mark : ipv4_addr . inet_service
    elements = { 7 : ${db[4]} . ${answerPort}, 9 : ${web[4]} . ${answerPort} }
  }
  map backends6 {
    type mark : ipv6_addr . inet_service
    elements = { 7 : ${db[6]} . ${answerPort}, 9 : ${web[6]} . ${answerPort} }
  }
  chain translate {
    type nat hook prerouting priority -100
    meta mark & 0xff000000 == 0x48000000 meta nfproto ipv4 meta l4proto { tcp, udp } dnat ip to meta mark & 0x000fffff map @backends4
    meta mark & 0xff000000 == 0x48000000 meta nfproto ipv6 meta l4proto { tcp, udp } dnat ip6 to meta mark & 0x000fffff map @backends6
  }
  chain refuse {
    type filter hook prerouting priority -90
    meta mark & 0xff0fffff == 0x480fffff meta l4proto tcp reject with tcp reset
    meta mark & 0xff0fffff == 0x480fffff reject
    meta mark & 0xff000000 == 0x48000000 ct state invalid,untracked drop
    # Not an answer to a port of the node, or of a masqueraded pod, that has the number of a node port.
    meta mark & 0xff000000 == 0x48000000 ct direction original ct status & dnat == 0 drop
  }
  chain hide {
    type nat hook postrouting priority 100
    meta mark & 0xff800000 == 0x48800000 masquerade
    ip saddr ${web[4]} oifname test${uplink} meta l4proto { tcp, udp } masquerade to :${exampleNodePort}
    ip6 saddr ${web[6]} oifname test${uplink} meta l4proto { tcp, udp } masquerade to :${exampleNodePort}
  }
}`;

const server = `
const text = (address) => address.replace('::ffff:', '');
require('net').createServer({ allowHalfOpen: true }, (socket) => {
  let bytes = 0;
  socket.on('data', (chunk) => (bytes += chunk.length));
  socket.on('end', () => socket.end(text(socket.remoteAddress) + ' ' + bytes));
}).listen(${answerPort}, '::', () => {
  const udp = require('dgram').createSocket({ type: 'udp6' });
  udp.on('message', (message, { address, port }) =>
    udp.send(text(address) + ' ' + message.length, port, address));
  udp.bind(${answerPort}, '::', () => console.log('ready'));
});`;

/** Starts a server for TCP and UDP that answers with its client's address and the number of bytes that it got. */
export async function startAnswering(context: TestContext, pod: NetworkNamespace): Promise<void> {
  const child = spawnIn(pod, process.execPath, ['-e', server]);
  context.after(() => child.kill());
  await new Promise((resolve, reject) => {
    child.stdout?.once('data', resolve);
    child.once('exit', reject);
  });
}

export interface ServerQuestion {
  readonly protocol: 'tcp' | 'udp';
  readonly to: string;
  readonly port: number;
  readonly bytes: number;
  /** TCP: the bytes are sent in two halves, with this pause. */
  readonly pauseMs?: number;
  readonly localPort?: number;
  /** How long it waits for an answer (default 5000). */
  readonly patienceMs?: number;
}

const client = `
const { protocol, to, port, bytes, pauseMs, localPort, patienceMs } = JSON.parse(process.argv[1]);
const say = (text) => { console.log(String(text)); process.exit(); };
setTimeout(() => say('timeout'), patienceMs ?? 5000);
if (protocol === 'tcp') {
  const socket = require('net').connect({ host: to, port, localPort, allowHalfOpen: true });
  socket.on('error', ({ code }) => say(code));
  socket.on('data', say);
  socket.write(Buffer.alloc(bytes / 2));
  setTimeout(() => socket.end(Buffer.alloc(bytes / 2)), pauseMs ?? 0);
} else {
  const socket = require('dgram').createSocket(to.includes(':') ? 'udp6' : 'udp4');
  socket.on('error', ({ code }) => say(code));
  socket.on('message', say);
  socket.bind(localPort ?? 0, () =>
    socket.connect(port, to, () => socket.send(Buffer.alloc(bytes))));
}`;

/** The server's answer, or an error code, or `timeout`. */
export function askServer(from: NetworkNamespace, run: ServerQuestion): string {
  return runIn(from, process.execPath, '-e', client, JSON.stringify(run)).trim();
}
