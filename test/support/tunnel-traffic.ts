// Packets from one lab node to another through the overlay, and the way by which they left their node.

import type { TestLab } from './lab.ts';
import { type OuterHeaders, onesComplementSum, readOuter } from './outer-headers.ts';
import { joined } from './packets.ts';

/** The UDP port of the lab's agents. */
const port = 4789;

/** Packets that left by the node's VXLAN device, without those that from_pod encapsulated itself. */
export async function sentByDevice(lab: TestLab, node: string): Promise<number> {
  const command = ['ip', '-s', '-j', 'link', 'show', 'dev', 'heddle_vxlan'];
  const { stdout } = await lab.inNode(node, command);
  const [link] = JSON.parse(stdout) as { stats64: { tx: { packets: number } } }[];
  if (link === undefined) throw new Error(`${node} has no heddle_vxlan`);
  return link.stats64.tx.packets;
}

/** The number of packets sent meanwhile that left by the device. */
export async function byDevice(
  lab: TestLab,
  node: string,
  during: () => Promise<unknown>,
): Promise<number> {
  const before = await sentByDevice(lab, node);
  await during();
  return (await sentByDevice(lab, node)) - before;
}

/** The tunnel's packets among `frames` that come from this node, in order. */
export function tunnelled(
  frames: readonly Uint8Array[],
  source: string,
): readonly (OuterHeaders & { readonly frameBytes: number })[] {
  return frames
    .filter((frame) => isTunnel(frame))
    .map((frame) => ({ ...readOuter(frame), frameBytes: frame.length }))
    .filter((outer) => outer.source === source);
}

/** Sum over an inner TCP segment and its pseudo-header, including its checksum; 0xffff is correct. No IP options. */
export function innerTcpSum(inner: Uint8Array): number {
  const isIpv4 = inner[12] === 0x08;
  const [addresses, transport] = isIpv4 ? [inner.slice(26, 34), 34] : [inner.slice(22, 54), 54];
  const segment = inner.slice(transport);
  const length = new Uint8Array([segment.length >> 8, segment.length & 0xff]);
  return onesComplementSum(joined(addresses, [0, 6], length, segment));
}

function isTunnel(frame: Uint8Array): boolean {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const isIpv4 = frame.length >= 64 && view.getUint16(12) === 0x0800;
  return isIpv4 && view.getUint8(23) === 17 && view.getUint16(36) === port;
}
