// Asks the kernel for one nftables table or chain by its name: a few microseconds, however many there are
// (linux/netfilter/nf_tables.h: NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN).

import { isKernelError } from '../errno.ts';
import type { Query } from '../netlink/protocol/request.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import type { NftTableName } from './nft-sets.ts';
import { nftFamilyNumbers } from './nft-xtables.ts';

const getTable = (10 << 8) | 1;
const getChain = (10 << 8) | 4;
const tableName = 1;
const chainAttributes = { table: 1, name: 3 } as const;

/** Equivalent to: `nft list table FAMILY NAME`. Throws KernelError. */
export function hasNftTable(
  socket: Pick<NetlinkSocket, 'get'>,
  { family, table }: NftTableName,
): boolean {
  return exists(socket, {
    call: 'nft get table',
    subject: `${family} ${table}`,
    type: getTable,
    // struct nfgenmsg: family, version 0, no resource.
    write: (message) => {
      message.u32(nftFamilyNumbers[family]);
      message.textAttribute(tableName, table);
    },
  });
}

/** Equivalent to: `nft list chain FAMILY TABLE NAME`. Throws KernelError. */
export function hasNftChain(
  socket: Pick<NetlinkSocket, 'get'>,
  { family, table }: NftTableName,
  chain: string,
): boolean {
  return exists(socket, {
    call: 'nft get chain',
    subject: `${family} ${table} ${chain}`,
    type: getChain,
    write: (message) => {
      message.u32(nftFamilyNumbers[family]);
      message.textAttribute(chainAttributes.table, table);
      message.textAttribute(chainAttributes.name, chain);
    },
  });
}

function exists(socket: Pick<NetlinkSocket, 'get'>, query: Query): boolean {
  try {
    return socket.get(query, () => true);
  } catch (error) {
    if (isKernelError(error, 'ENOENT')) return false;
    throw error;
  }
}
