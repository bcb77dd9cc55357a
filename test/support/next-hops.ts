// Next-hop objects that a pod adds to burden the node: without the agent's help the kernel holds the RTNL lock for 10 s
// to remove them.

import { batch, throwFirst } from '../../src/kernel/netlink/batch.ts';
import { familyNumbers } from '../../src/kernel/netlink/protocol/family.ts';
import { type MessageWriter, messageFlags } from '../../src/kernel/netlink/protocol/message.ts';
import type { RequestSink } from '../../src/kernel/netlink/protocol/request.ts';
import type { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import type { IfIndex } from '../../src/net/if-index.ts';

const objects = 2000;
const groups = 100;
// linux/nexthop.h
const messageNew = 104;
const attributeTypes = { id: 1, group: 2, outputIfIndex: 5 } as const;
const memberSize = 8;

/** Adds objects of this interface, which must be up, and groups that each contain all of them. */
export function addNextHopGroups(socket: NetlinkSocket, ifIndex: IfIndex): void {
  const ids = Array.from({ length: objects }, (_, index) => index + 1);
  const members = Buffer.alloc(memberSize * objects);
  for (const [index, id] of ids.entries()) members.writeUInt32LE(id, memberSize * index);
  const outcomes = batch(socket, (requests) => {
    for (const id of ids) {
      add(requests, { id, family: familyNumbers[4] }, (message) => {
        message.u32Attribute(attributeTypes.outputIfIndex, ifIndex);
      });
    }
    // `ip` cannot write such long ones.
    for (const id of ids.slice(0, groups)) {
      add(requests, { id: objects + id, family: 0 }, (message) => {
        message.attribute(attributeTypes.group, members);
      });
    }
  });
  throwFirst(outcomes);
}

function add(
  requests: RequestSink,
  { id, family }: { readonly id: number; readonly family: number },
  fill: (message: MessageWriter) => void,
): void {
  requests.submit({
    call: 'nexthop add',
    subject: `id ${id}`,
    type: messageNew,
    flags: messageFlags.create,
    write: (message) => {
      message.u8(family).u8(0).u8(0).u8(0).u32(0);
      message.u32Attribute(attributeTypes.id, id);
      fill(message);
    },
  });
}
