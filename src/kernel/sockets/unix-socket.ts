// Finds the socket bound to an abstract unix name (unix(7)) through sock_diag(7). /proc/net/unix has the same data as
// text, in which any user can forge lines: a name may contain line breaks, and a path may begin with "@".

import { KernelError } from '../errno.ts';
import { readAcknowledgement } from '../netlink/protocol/acknowledgement.ts';
import { Attributes } from '../netlink/protocol/attribute.ts';
import {
  type Message,
  MessageWriter,
  messageFlags,
  messageTypes,
  splitMessages,
} from '../netlink/protocol/message.ts';
import { KernelTransport } from '../netlink/protocol/transport.ts';

export interface UnixSocket {
  /** As in `socket:[INODE]`, the link of a descriptor in /proc. */
  readonly inode: number;
  /** The user that created it; 65534 for one that this user namespace does not map. */
  readonly uid: number;
}

const unixDomain = 1;
const streamType = 1;
const socketsByFamily = 20;
const show = { name: 0x1, uid: 0x40 } as const;
const attributes = { name: 0, uid: 7 } as const;
const everyState = 0xffffffff;
// struct unix_diag_msg: family, type, state, padding, inode, cookie.
const headerBytes = 16;

/**
 * The stream socket with this abstract name in the network namespace of the calling thread; undefined if there is none,
 * or if `isLate` returns true before it is found: any user may create millions of sockets, and the kernel lists them
 * all. Throws KernelError (ENOENT: a kernel without CONFIG_UNIX_DIAG).
 * Equivalent to: `ss -xa src '@NAME'`. Linux 5.3.
 */
export function abstractSocket(name: string, isLate: () => boolean): UnixSocket | undefined {
  using transport = new KernelTransport({ family: 'socketDiagnosis' });
  const wanted = Buffer.from(`\0${name}`);
  transport.send(request());
  const into = Buffer.alloc(64 * 1024);
  while (!isLate()) {
    const length = transport.receive(into);
    if (length === undefined) return undefined;
    for (const message of splitMessages(into.subarray(0, length))) {
      if (message.type === messageTypes.done) return undefined;
      const found = socketOf(message, wanted);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

// struct unix_diag_req: family, protocol, padding, states, inode, show, cookie.
function request(): Uint8Array {
  const writer = new MessageWriter();
  writer.begin(socketsByFamily, messageFlags.request | messageFlags.dump, 1);
  writer.u8(unixDomain).u8(0).u16(0).u32(everyState).u32(0);
  writer
    .u32(show.name | show.uid)
    .u32(0)
    .u32(0);
  writer.end();
  return writer.bytes;
}

function socketOf(message: Message, wanted: Buffer): UnixSocket | undefined {
  const { payload } = message;
  if (message.type === messageTypes.error) {
    const { errno } = readAcknowledgement(message);
    throw new KernelError({ call: 'list sockets', subject: 'unix', code: errno });
  }
  if (payload.readUInt8(1) !== streamType) return undefined;
  const details = new Attributes(payload.subarray(headerBytes));
  const uid = details.u32(attributes.uid);
  if (uid === undefined || details.view(attributes.name)?.equals(wanted) !== true) return undefined;
  return { inode: payload.readUInt32LE(4), uid };
}
