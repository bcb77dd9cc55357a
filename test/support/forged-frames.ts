// Frames for the table of spoofed packets: whole Ethernet frames with correct checksums, sent by packet sockets in the
// network namespaces of a lab.

import { bind, close, send, setsockopt, socket } from '../../src/kernel/libc.ts';
import { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { linkByName } from '../../src/kernel/netlink/link.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { addressFamily, parseAddress } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { type Mac, parseMac } from '../../src/net/mac.ts';
import { protocols } from '../../src/net/protocol.ts';
import { onesComplementSum } from './outer-headers.ts';
import { ethernet, etherTypes, type IpHeader, ip, joined, udp } from './packets.ts';

/** An interface in a network namespace by which frames are sent. */
export interface FramePort {
  readonly namespacePath: string;
  readonly ifIndex: IfIndex;
  readonly mac: Mac;
}

/** The port of an interface in that namespace. */
export function portOf(
  { namespacePath }: { readonly namespacePath: string },
  name = 'eth0',
): FramePort {
  using namespace = NetworkNamespace.open(namespacePath);
  using netlink = NetlinkSocket.open({ namespace });
  const link = linkByName(netlink, name);
  if (link?.mac === undefined) throw new Error(`no ${name} in ${namespacePath}`);
  return { namespacePath, ifIndex: link.ifIndex, mac: link.mac };
}

/**
 * A checksum that the sender leaves to a later device: two bytes at `start + offset`, over all bytes from `start` on.
 */
export interface LateChecksum {
  readonly start: number;
  readonly offset: number;
}

/** What the sender's socket sets in the kernel's record of a packet. */
export interface PacketFields {
  readonly mark?: number;
  readonly priority?: number;
}

export function sendFrames(
  { namespacePath, ifIndex }: FramePort,
  frames: readonly Uint8Array[],
  late?: LateChecksum,
  { mark, priority }: PacketFields = {},
): void {
  const [packetFamily, raw] = [17, 3];
  using namespace = NetworkNamespace.open(namespacePath);
  const fd = namespace.run(() => socket(packetFamily, raw, 0, true));
  // SOL_PACKET, PACKET_VNET_HDR.
  const takesHeader = { level: 263, name: 15, value: new Uint8Array([1, 0, 0, 0]) };
  if (late !== undefined) setsockopt(fd, takesHeader);
  // SOL_SOCKET: SO_MARK, SO_PRIORITY.
  for (const [option, value] of [
    [36, mark],
    [12, priority],
  ] as const) {
    if (value === undefined) continue;
    setsockopt(fd, { level: 1, name: option, value: new Uint8Array(Uint32Array.of(value).buffer) });
  }
  const before = late === undefined ? [] : virtioHeader(late);
  const address = new DataView(new ArrayBuffer(20)); // struct sockaddr_ll
  address.setUint16(0, packetFamily, true);
  address.setInt32(4, ifIndex, true);
  bind(fd, new Uint8Array(address.buffer));
  try {
    for (const frame of frames) send(fd, joined(before, frame));
  } finally {
    close(fd);
  }
}

/** struct virtio_net_hdr, NEEDS_CSUM. */
function virtioHeader({ start, offset }: LateChecksum): Uint8Array {
  const header = new DataView(new ArrayBuffer(10));
  header.setUint8(0, 1);
  header.setUint16(6, start, true);
  header.setUint16(8, offset, true);
  return new Uint8Array(header.buffer);
}

/** The frame with 802.1Q or 802.1ad headers of id 0: a priority without a VLAN. */
export function priorityTagged(frame: Uint8Array, types: readonly number[]): Uint8Array {
  const tags = types.flatMap((type) => [type >> 8, type & 0xff, 0, 0]);
  return joined(frame.subarray(0, 12), tags, frame.subarray(12));
}

/** Source and destination, at the link and above. */
export interface Ends {
  readonly source: string;
  readonly destination: string;
  readonly sourceMac?: Mac;
  readonly destinationMac?: Mac;
}

const noMac = parseMac('02:00:00:00:00:00');

export function frame(
  { source, destination, sourceMac = noMac, destinationMac = noMac }: Ends,
  [protocol, payload]: readonly [number, Uint8Array],
  header: Partial<IpHeader> = {},
): Uint8Array {
  const from = parseAddress(source);
  const packet = ip(
    { source: from, destination: parseAddress(destination), protocol, ...header },
    payload,
  );
  const type = addressFamily(from) === 4 ? etherTypes.ipv4 : etherTypes.ipv6;
  return ethernet({ source: sourceMac, destination: destinationMac, type }, summed(packet));
}

/** One datagram, with a checksum for IPv6 and without for IPv4. */
export function forgedDatagram(
  ends: Pick<Ends, 'source' | 'destination'>,
  ports: { readonly from: number; readonly to: number },
  payload: Uint8Array,
): readonly [number, Uint8Array] {
  const bytes = udp({ sourcePort: ports.from, destinationPort: ports.to }, payload);
  if (ends.source.includes(':')) {
    const pseudo = pseudoHeader(ends, bytes.length);
    new DataView(bytes.buffer).setUint16(6, checksum(joined(pseudo, bytes)) || 0xffff);
  }
  return [protocols.udp, bytes];
}

function pseudoHeader(ends: Pick<Ends, 'source' | 'destination'>, length: number): Uint8Array {
  const header = ip(
    {
      source: parseAddress(ends.source),
      destination: parseAddress(ends.destination),
      protocol: 0,
    },
    new Uint8Array(),
  );
  const tail = new Uint8Array(8);
  new DataView(tail.buffer).setUint32(0, length);
  tail[7] = protocols.udp;
  return joined(header.subarray(8, 40), tail);
}

/** RFC 7348 5: follows the UDP header. */
export function vxlan(vni: number, inner: Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(8));
  header.setUint32(0, 0x08000000);
  header.setUint32(4, vni << 8);
  return joined(new Uint8Array(header.buffer), inner);
}

function summed(packet: Uint8Array): Uint8Array {
  if (packet[0] === undefined || packet[0] >> 4 !== 4) return packet;
  const header = packet.subarray(0, (packet[0] & 0xf) * 4);
  new DataView(packet.buffer, packet.byteOffset).setUint16(10, checksum(header));
  return packet;
}

function checksum(bytes: Uint8Array): number {
  const even = bytes.length % 2 === 0 ? bytes : joined(bytes, [0]);
  return ~onesComplementSum(even) & 0xffff;
}
