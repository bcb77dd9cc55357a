// An nftables table that belongs to one socket (NFT_TABLE_F_OWNER, Linux 5.12): no other socket can change or delete
// it, `nft flush ruleset` keeps it, and the kernel deletes it with the socket, however its process ends. Creating one
// needs CAP_NET_ADMIN in the user namespace of the network namespace. This makes it a lock: one per network namespace,
// not available to unprivileged processes, released by the kernel.

import { KernelError } from '../errno.ts';
import { readAcknowledgement } from '../netlink/protocol/acknowledgement.ts';
import { Attributes } from '../netlink/protocol/attribute.ts';
import {
  MessageWriter,
  messageFlags,
  messageTypes,
  splitMessages,
} from '../netlink/protocol/message.ts';
import { KernelTransport } from '../netlink/protocol/transport.ts';
import { NetlinkSocket } from '../netlink/socket.ts';

const subsystem = 10;
const messages = {
  batchBegin: 0x10,
  batchEnd: 0x11,
  newTable: subsystem << 8,
  getTable: (subsystem << 8) | 1,
  deleteTable: (subsystem << 8) | 2,
} as const;
const attributes = { name: 1, flags: 2, userData: 6 } as const;
const inetFamily = 1;
const ownerFlag = 2;
// struct nfgenmsg: family, version, resource.
const headerBytes = 4;

/**
 * Creates the table `inet NAME` in the calling thread's network namespace. It exists until the result is disposed of.
 * `comment` is visible to others, at most 200 bytes. Undefined: another socket has the table. Throws KernelError.
 * Equivalent to: `add table inet NAME { flags owner; comment "COMMENT"; }` in an `nft -i` that stays open.
 */
export function holdTable(name: string, comment: string): Disposable | undefined {
  const transport = new KernelTransport({ family: 'netfilter' });
  const add = (): string | undefined =>
    perform(transport, messages.newTable, (message) => {
      message.textAttribute(attributes.name, name);
      message.u32BigEndianAttribute(attributes.flags, ownerFlag);
      message.attribute(attributes.userData, encodeComment(comment));
    });
  let refused = add();
  // A table without an owner, created by hand, locks nothing and cannot be taken over.
  if (refused !== undefined && refused !== 'EPERM') {
    perform(transport, messages.deleteTable, (message) =>
      message.textAttribute(attributes.name, name),
    );
    refused = add();
  }
  if (refused === undefined) return transport;
  transport[Symbol.dispose]();
  // A process without CAP_NET_ADMIN also gets EPERM; then the table need not exist.
  if (refused === 'EPERM' && heldTableComment(name) !== undefined) return undefined;
  throw new KernelError({ call: 'nft add table', subject: `inet ${name}`, code: refused });
}

/**
 * Comment of the table `inet NAME`, '' if it has none; undefined if no socket owns such a table. A table without an
 * owner, as a saved ruleset restores it (`nft -j -f`), does not count. Throws KernelError.
 */
export function heldTableComment(name: string): string | undefined {
  using socket = NetlinkSocket.open({ family: 'netfilter' });
  const query = {
    call: 'nft get table',
    subject: `inet ${name}`,
    type: messages.getTable,
    write: (message: MessageWriter) =>
      message.u8(inetFamily).u8(0).u16(0).textAttribute(attributes.name, name),
  };
  try {
    return socket.get(query, (payload) => {
      const found = new Attributes(payload.subarray(headerBytes));
      if (((found.u32BigEndian(attributes.flags) ?? 0) & ownerFlag) === 0) return undefined;
      const data = found.view(attributes.userData);
      return data === undefined ? '' : decodeComment(data);
    });
  } catch (error) {
    if (error instanceof KernelError && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Sends one request as a transaction of its own. Returns the code of the error, or undefined on success. */
function perform(
  transport: KernelTransport,
  type: number,
  write: (message: MessageWriter) => void,
): string | undefined {
  const writer = new MessageWriter();
  const request = 2;
  const bracket = (kind: number, sequence: number): void => {
    // The resource is in network order.
    const resource = (subsystem & 0xff) << 8;
    writer.begin(kind, messageFlags.request, sequence).u8(0).u8(0).u16(resource).end();
  };
  bracket(messages.batchBegin, 1);
  const flags = messageFlags.request | messageFlags.acknowledge | messageFlags.create;
  writer.begin(type, flags, request).u8(inetFamily).u8(0).u16(0);
  write(writer);
  writer.end();
  bracket(messages.batchEnd, 3);
  transport.send(writer.bytes);
  return verdict(transport);
}

function verdict(transport: KernelTransport): string | undefined {
  const into = Buffer.alloc(8192);
  for (;;) {
    const length = transport.receive(into);
    if (length === undefined) {
      const detail = 'the kernel has not answered';
      throw new KernelError({ call: 'nft', subject: 'transaction', code: 'ENODATA', detail });
    }
    for (const message of splitMessages(into.subarray(0, length))) {
      if (message.type !== messageTypes.error) continue;
      const { errno } = readAcknowledgement(message);
      if (errno === 0) return undefined;
      return new KernelError({ call: 'nft', subject: 'transaction', code: errno }).code;
    }
  }
}

// In libnftnl's form for a table's comment (NFTNL_UDATA_TABLE_COMMENT): type 0, length, NUL-terminated text.
function encodeComment(text: string): Uint8Array {
  const value = Buffer.from(`${text}\0`);
  return Buffer.concat([Buffer.from([0, value.length]), value]);
}

function decodeComment(data: Buffer): string {
  const [type, length = 0] = data;
  if (type !== 0 || length < 1) return '';
  return data.toString('utf8', 2, Math.min(data.length, 1 + length));
}
