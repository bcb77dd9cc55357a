// Reads named counters of an nftables table directly: libnftables would first read every table of the namespace, and a
// proxy's may have a hundred thousand elements.

import { Attributes } from '../netlink/protocol/attribute.ts';
import type { Query } from '../netlink/protocol/request.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';

export interface NftCounter {
  readonly packets: number;
  readonly bytes: number;
}

// linux/netfilter/nf_tables.h
const subsystem = 10;
const getObject = 19;
const objectAttributes = { table: 1, name: 2, type: 3, data: 4 } as const;
const counterObject = 1;
const counterAttributes = { bytes: 1, packets: 2 } as const;
const familyInet = 1;
const headerBytes = 4;

/**
 * Counters by name, of a table of family `inet`; empty if there is no table. `socket`: of the `netfilter` family.
 * Equivalent to: `nft list counters table inet NAME`. Throws KernelError.
 */
export function nftCounters(socket: NetlinkSocket, table: string): ReadonlyMap<string, NftCounter> {
  const query: Query = {
    call: 'nft list counters',
    subject: `table inet ${table}`,
    type: (subsystem << 8) | getObject,
    write: (message) => {
      // struct nfgenmsg
      message.u8(familyInet).u8(0).u8(0).u8(0);
      message.attribute(objectAttributes.table, Buffer.from(`${table}\0`));
      const type = Buffer.alloc(4);
      type.writeUInt32BE(counterObject);
      message.attribute(objectAttributes.type, type);
    },
  };
  return new Map(socket.dump(query, readCounter));
}

function readCounter(payload: Buffer): readonly [string, NftCounter] | undefined {
  const attributes = new Attributes(payload.subarray(headerBytes));
  const name = attributes.text(objectAttributes.name);
  const data = attributes.nested(objectAttributes.data);
  if (name === undefined || data === undefined) return undefined;
  const packets = data.u64BigEndian(counterAttributes.packets) ?? 0;
  return [name, { packets, bytes: data.u64BigEndian(counterAttributes.bytes) ?? 0 }];
}
