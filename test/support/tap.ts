// A tap interface: packets that are written to it enter the kernel as if they arrived from a wire. The writer chooses
// the number of bytes in the packet's linear part; the rest is in page fragments.

import fs from 'node:fs';
import type { TestContext } from 'node:test';
import { u16 } from '../../src/kernel/codec.ts';
import { ioctl } from '../../src/kernel/libc.ts';
import { allocateMemory } from '../../src/kernel/memory.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { linkByName, setLink } from '../../src/kernel/netlink/link.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { joined } from './packets.ts';

export interface Tap {
  readonly ifIndex: IfIndex;
  /** The kernel creates page fragments only for packets longer than a page. */
  send(packet: Uint8Array, linearBytes: number): void;
}

/** Equivalent to: `ip tuntap add tap0 mode tap vnet_hdr; ip link set tap0 mtu 9000 up`. */
export function addTap(context: TestContext, namespace: NetworkNamespace): Tap {
  const fd = openTun(namespace, 'tap0', 0x0002 | 0x1000 | 0x4000); // IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
  context.after(() => fs.closeSync(fd));
  using socket = NetlinkSocket.open({ namespace });
  const link = linkByName(socket, 'tap0');
  if (link === undefined) throw new Error('no tap0 after TUNSETIFF');
  setLink(socket, { ifIndex: link.ifIndex, mtuBytes: 9000, up: true });
  return {
    ifIndex: link.ifIndex,
    send: (packet, linearBytes) => {
      const header = new DataView(new ArrayBuffer(10)); // struct virtio_net_hdr
      u16.encode(linearBytes, header, 2);
      fs.writeSync(fd, joined(new Uint8Array(header.buffer), packet));
    },
  };
}

/** The interface exists as long as its descriptor, which reads and writes its packets without blocking. */
export function openTun(namespace: NetworkNamespace, name: string, flags: number): number {
  const setInterface = 0x400454ca; // TUNSETIFF
  const request = allocateMemory(40); // struct ifreq
  request.bytes.set(Buffer.from(name));
  u16.encode(flags, request.view, 16);
  const { O_RDWR, O_NONBLOCK } = fs.constants;
  // The descriptor belongs to the namespace in which it was opened.
  const fd = namespace.run(() => fs.openSync('/dev/net/tun', O_RDWR | O_NONBLOCK));
  ioctl(fd, setInterface, Number(request.address));
  return fd;
}
