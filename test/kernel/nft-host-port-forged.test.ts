// A pod's own connection to its host port returns with an address of the node. Packets from an outside host with the
// pod's address must not: to_pod refuses them by that address. By nftables alone, in three namespaces.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { nftContents } from '../../src/datapath/nft/rules.ts';
import { nftTable } from '../../src/datapath/nft/table.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { Nftables } from '../../src/kernel/netfilter/nftables.ts';
import type { DesiredState } from '../../src/model/desired.ts';
import type { LocalEndpoint } from '../../src/model/endpoint.ts';
import { addressBytes, parseAddress } from '../../src/net/address.ts';
import { protocols } from '../../src/net/protocol.ts';
import { Capture } from '../support/capture.ts';
import { endpointCollection } from '../support/compute-desired.ts';
import { entriesOf } from '../support/entries-of.ts';
import { frame, portOf, sendFrames } from '../support/forged-frames.ts';
import { placeOf, runIn, testNamespace } from '../support/namespaces.ts';
import { udp } from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';
import { applyEntries } from '../support/table-contract.ts';

const families = [
  { version: 4, pod: '192.0.2.2', node: '198.51.100.1', peer: '198.51.100.9' },
  { version: 6, pod: '2001:db8:1::2', node: '2001:db8:ffff::1', peer: '2001:db8:ffff::9' },
] as const;
const hostPort = 18080;
const podLink = 'hd00000000001';

const desired = {
  podRanges: [],
  podSources: [],
  endpoints: endpointCollection([
    {
      addresses: families.map(({ pod }) => parseAddress(pod)),
      portMappings: [{ protocol: 'udp', hostPort, containerPort: 8080 }],
    } as unknown as LocalEndpoint,
  ]),
} as unknown as DesiredState;

interface Place {
  readonly node: NetworkNamespace;
  readonly pod: NetworkNamespace;
  readonly outside: NetworkNamespace;
}

rootTest("packets from another interface to a host port keep a pod's source address", (context) => {
  const { node, pod, outside } = build(context);
  using nft = Nftables.open(node);
  applyEntries(nftTable(nft), entriesOf(nftContents(), desired));
  using capture = Capture.start(placeOf(pod));
  const ways = [
    [pod, 'eth0', podLink],
    [outside, 'net0', 'up0'],
  ] as const;
  for (const { version, pod: own, node: destination, peer } of families) {
    let sourcePort = 4000;
    const arrivesFrom = ([from, name, link]: (typeof ways)[number], source: string) => {
      sourcePort++;
      capture.frames();
      const ends = { source, destination, destinationMac: portOf(placeOf(node), link).mac };
      const content = udp({ sourcePort, destinationPort: hostPort });
      sendFrames(portOf(placeOf(from), name), [frame(ends, [protocols.udp, content])]);
      return capture.frames().flatMap((bytes) => sourceTo(own, bytes, version));
    };
    const [byPod, byOutside] = ways;
    assert.deepEqual(arrivesFrom(byPod, own), [hex(nodeTo(version))], `IPv${version}: its own`);
    assert.deepEqual(arrivesFrom(byOutside, own), [hex(own)], `IPv${version}: forged`);
    assert.deepEqual(arrivesFrom(byOutside, peer), [hex(peer)], `IPv${version}: of a peer`);
    const loopback = version === 4 ? '127.0.0.1' : '::1';
    assert.deepEqual(arrivesFrom(byOutside, loopback), [], `IPv${version}: as the node`);
  }
});

/** `masquerade` uses the address of the interface that leads to the pod. */
function nodeTo(version: 4 | 6): string {
  return version === 4 ? '192.0.2.1' : '2001:db8:1::1';
}

function hex(address: string): string {
  return Buffer.from(addressBytes(parseAddress(address))).toString('hex');
}

/** The source of a datagram to the pod's port; none if it is something else. */
function sourceTo(pod: string, bytes: Uint8Array, version: 4 | 6): readonly string[] {
  const packet = Buffer.from(bytes.subarray(14));
  const [from, length] = version === 4 ? [12, 4] : [8, 16];
  const [source, destination] = [0, length].map((offset) =>
    packet.subarray(from + offset, from + offset + length).toString('hex'),
  );
  const port =
    packet.length < from + 2 * length + 4 ? 0 : packet.readUInt16BE(from + 2 * length + 2);
  return source !== undefined && destination === hex(pod) && port === 8080 ? [source] : [];
}

function build(context: TestContext): Place {
  const [node, pod, outside] = [1, 2, 3].map(() => testNamespace(context));
  assert(node !== undefined && pod !== undefined && outside !== undefined);
  const own = `/proc/${process.pid}/fd/`;
  for (const [namespace, ...commands] of [
    [
      node,
      `link add ${podLink} type veth peer name eth0 netns ${own}${pod.fd}`,
      `link add up0 type veth peer name net0 netns ${own}${outside.fd}`,
      `link set ${podLink} up`,
      'link set up0 up',
      'address add 198.51.100.1/24 dev up0',
      'address add 2001:db8:ffff::1/64 dev up0 nodad',
      `address add 192.0.2.1/24 dev ${podLink}`,
      `address add 2001:db8:1::1/64 dev ${podLink} nodad`,
    ],
    [pod, 'link set eth0 up'],
    [outside, 'link set net0 up'],
  ] as const) {
    for (const command of commands) runIn(namespace, 'ip', ...command.split(' '));
  }
  const { mac } = portOf(placeOf(pod), 'eth0');
  for (const { pod: address } of families) {
    runIn(node, 'ip', 'neigh', 'add', address, 'lladdr', mac, 'dev', podLink);
  }
  runIn(node, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  runIn(node, 'sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.up0.rp_filter=0');
  // As kube-proxy sets it.
  runIn(node, 'sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1');
  // The checksums of the frames do not matter here.
  runIn(node, 'sysctl', '-qw', 'net.netfilter.nf_conntrack_checksum=0');
  return { node, pod, outside };
}
