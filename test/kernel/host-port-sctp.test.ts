// An SCTP host port, for which few kernels have a socket: the first packet of an association, built by the test,
// arrives for the node's address and must reach the pod; the port must end with the pod.

import assert from 'node:assert/strict';
import { linkByName } from '../../src/kernel/netlink/link.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { parseAddress } from '../../src/net/address.ts';
import { parseMac } from '../../src/net/mac.ts';
import { protocols } from '../../src/net/protocol.ts';
import {
  agentPlace,
  cni,
  eventuallyPasses,
  get,
  podNamespace,
  startAgent,
} from '../support/agent-process.ts';
import { runIn } from '../support/namespaces.ts';
import { ethernet, etherTypes, ip, sctp } from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';
import { addTap } from '../support/tap.ts';

const hostPort = 18090;
const containerPort = 3868;
const ways = [
  { type: etherTypes.ipv4, node: '10.200.0.11', client: '198.51.100.7', pod: '10.201.1.2' },
  { type: etherTypes.ipv6, node: 'fd00:200::11', client: '2001:db8::7', pod: 'fd00:201:1::2' },
] as const;

rootTest('SCTP to a host port reaches the pod, in both families', async (context) => {
  const place = agentPlace(context);
  await startAgent(context, place);
  const pod = podNamespace(context);
  const portMappings = [{ hostPort, containerPort, protocol: 'sctp' }];
  const call = { containerId: 'web', netns: pod.path, more: { runtimeConfig: { portMappings } } };
  cni(place, { verb: 'ADD', ...call });
  const tap = addTap(context, place.namespace);
  using socket = NetlinkSocket.open({ namespace: place.namespace });
  const tapMac = linkByName(socket, 'tap0')?.mac ?? assert.fail('no tap0');
  for (const { type, node, client, pod: address } of ways) {
    // The client must be where the way back leads.
    runIn(place.namespace, 'ip', 'route', 'replace', client, 'dev', 'tap0');
    const [source, destination] = [parseAddress(client), parseAddress(node)];
    const packet = ip({ source, destination, protocol: protocols.sctp }, init());
    const frame = { source: parseMac('02:00:5e:10:00:07'), destination: tapMac, type };
    tap.send(ethernet(frame, withHeaderChecksum(packet)), 0);
    const flow = `${client}:40000 ${address}:${containerPort}`;
    await eventuallyPasses(async () => assert.ok((await sctpFlows()).includes(flow), flow));
  }

  async function sctpFlows(): Promise<readonly string[]> {
    const { text } = await get(place, '/v1/flows');
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ protocol, verdict }) => protocol === 'sctp' && verdict === 'allowed')
      .map(({ from, to }) => `${from.address}:${from.port} ${to.address}:${to.port}`);
  }

  assert.match(runIn(place.namespace, 'conntrack', '-L', '-p', 'sctp'), /dport=18090/);
  cni(place, { verb: 'DEL', ...call });
  assert.doesNotMatch(runIn(place.namespace, 'nft', 'list', 'ruleset'), /18090/);
  assert.doesNotMatch(runIn(place.namespace, 'conntrack', '-L', '-p', 'sctp'), /dport=18090/);
});

/** INIT (RFC 9260 3.3.2): connection tracking accepts no other first packet, and none with a wrong checksum. */
function init(): Uint8Array {
  const chunk = Buffer.from('010000140000000100010000000a000a00000001', 'hex');
  const packet = Buffer.from(sctp({ sourcePort: 40_000, destinationPort: hostPort }, chunk));
  packet.writeUInt32LE(crc32c(packet), 8);
  return packet;
}

function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0);
  }
  return ~crc >>> 0;
}

/** Of an IPv4 packet; IPv6 has none. */
function withHeaderChecksum(packet: Uint8Array): Uint8Array {
  const bytes = Buffer.from(packet);
  if (bytes.readUInt8(0) >> 4 === 6) return bytes;
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  bytes.writeUInt16BE(~sum & 0xffff, 10);
  return bytes;
}
