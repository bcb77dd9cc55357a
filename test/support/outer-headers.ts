// The headers around a frame in a VXLAN tunnel over IPv4 (RFC 7348 5), read byte by byte: the reference for the data
// path's own encapsulation and for the kernel's device.

import assert from 'node:assert/strict';
import { type Address, addressFromBytes } from '../../src/net/address.ts';

const ethernetBytes = 14;
const ipBytes = 20;
const udpBytes = 8;
const vxlanBytes = 8;

/** All outer headers except the MACs. */
export interface OuterHeaders {
  readonly headerBytes: number;
  readonly trafficClass: number;
  /** Total length of the IP packet, from its header. */
  readonly ipBytes: number;
  readonly identification: number;
  /** Flags and fragment offset. */
  readonly fragmentation: number;
  readonly hopLimit: number;
  readonly protocol: number;
  /** Sum over the header including its checksum; 0xffff is correct. */
  readonly ipSum: number;
  readonly source: Address;
  readonly destination: Address;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Including the UDP header. */
  readonly udpBytes: number;
  readonly udpChecksum: number;
  /** Both words including their reserved bits. */
  readonly vxlan: readonly [flags: number, vni: number];
  /** From its Ethernet header on. */
  readonly inner: Uint8Array;
}

/** `frame` from its Ethernet header on. */
export function readOuter(frame: Uint8Array): OuterHeaders {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const ip = ethernetBytes;
  const udp = ip + ipBytes;
  const vxlan = udp + udpBytes;
  const inner = vxlan + vxlanBytes;
  assert.ok(frame.length >= inner + ethernetBytes, 'too short for a tunnel');
  assert.equal(view.getUint8(ip) >> 4, 4, 'IP version');
  return {
    headerBytes: (view.getUint8(ip) & 0xf) * 4,
    trafficClass: view.getUint8(ip + 1),
    ipBytes: view.getUint16(ip + 2),
    identification: view.getUint16(ip + 4),
    fragmentation: view.getUint16(ip + 6),
    hopLimit: view.getUint8(ip + 8),
    protocol: view.getUint8(ip + 9),
    ipSum: onesComplementSum(frame.subarray(ip, ip + ipBytes)),
    source: addressFromBytes(frame.slice(ip + 12, ip + 16)),
    destination: addressFromBytes(frame.slice(ip + 16, ip + 20)),
    sourcePort: view.getUint16(udp),
    destinationPort: view.getUint16(udp + 2),
    udpBytes: view.getUint16(udp + 4),
    udpChecksum: view.getUint16(udp + 6),
    vxlan: [view.getUint32(vxlan), view.getUint32(vxlan + 4)],
    inner: frame.slice(inner),
  };
}

/** RFC 1071, without the last complement. */
export function onesComplementSum(bytes: Uint8Array): number {
  let sum = 0;
  for (const [index, byte] of bytes.entries()) sum += index % 2 === 0 ? byte << 8 : byte;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}
