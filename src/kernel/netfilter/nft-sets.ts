// Reads names and sizes of sets and maps over netlink, because libnftables 1.0.6 (Debian 12) reads all elements even to
// count them or to omit them (linux/netfilter/nf_tables.h: NFTA_SET_*, NFTA_SET_ELEM_LIST_*).

import { Attributes, listElements } from '../netlink/protocol/attribute.ts';
import type { Query } from '../netlink/protocol/request.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import type { NftFamily } from './nft-family.ts';
import { nftFamilyNumbers } from './nft-xtables.ts';

/** A set, or a map (including maps to verdicts and to objects such as counters). */
export interface NftSet {
  readonly family: NftFamily;
  readonly table: string;
  readonly name: string;
  readonly isMap: boolean;
  /** Part of a rule: `ip saddr { 192.0.2.1, 192.0.2.2 }`. */
  readonly isAnonymous: boolean;
}

export interface NftTableName {
  readonly family: NftFamily;
  readonly table: string;
}

const getSet = (10 << 8) | 10;
const getElements = (10 << 8) | 13;
const headerBytes = 4;
const setAttributes = { table: 1, name: 2, flags: 3 } as const;
const elementAttributes = { table: 1, set: 2, elements: 3 } as const;
/** NFT_SET_* */
const setFlags = { anonymous: 1 << 0, map: 1 << 3, object: 1 << 6 } as const;

/** The first `most` sets of a table, by default of all tables. Throws KernelError. */
export function listSets(
  socket: Pick<NetlinkSocket, 'dumpSome'>,
  most: number,
  of?: NftTableName,
): { readonly sets: readonly NftSet[]; readonly isWhole: boolean } {
  const query: Query = {
    call: 'nft set list',
    subject: of === undefined ? '' : `table ${of.family} ${of.table}`,
    type: getSet,
    // struct nfgenmsg: family, version 0, no resource.
    write: (message) => {
      message.u32(of === undefined ? 0 : nftFamilyNumbers[of.family]);
      if (of !== undefined) message.textAttribute(setAttributes.table, of.table);
    },
  };
  const { results, isWhole } = socket.dumpSome(query, readSet, most);
  return { sets: results, isWhole };
}

/**
 * Number of elements, or more than `most` if there are more: counting ends there. An interval counts as one or two.
 * Throws KernelError (ENOENT).
 */
export function countElements(
  socket: Pick<NetlinkSocket, 'dumpSome'>,
  { family, table, name }: NftSet,
  most: number,
): number {
  const query: Query = {
    call: 'nft element list',
    subject: `set ${family} ${table} ${name}`,
    type: getElements,
    write: (message) =>
      message
        .u32(nftFamilyNumbers[family])
        .textAttribute(elementAttributes.table, table)
        .textAttribute(elementAttributes.set, name),
  };
  let count = 0;
  // An answer contains up to 32 KiB of elements. Only the one that exceeds the maximum counts as a result.
  const read = (payload: Buffer): true | undefined => {
    const list = new Attributes(payload.subarray(headerBytes)).view(elementAttributes.elements);
    count += list === undefined ? 0 : listElements(list).length;
    return count > most ? true : undefined;
  };
  socket.dumpSome(query, read, 1);
  return count;
}

const familiesByNumber = new Map(
  Object.entries(nftFamilyNumbers).map(([family, number]) => [number, family as NftFamily]),
);

function readSet(payload: Buffer): NftSet | undefined {
  const family = familiesByNumber.get(payload.readUInt8(0));
  const attributes = new Attributes(payload.subarray(headerBytes));
  const [table, name] = [attributes.text(setAttributes.table), attributes.text(setAttributes.name)];
  if (family === undefined || table === undefined || name === undefined) return undefined;
  const flags = attributes.u32BigEndian(setAttributes.flags) ?? 0;
  return {
    ...{ family, table, name },
    isMap: (flags & (setFlags.map | setFlags.object)) !== 0,
    isAnonymous: (flags & setFlags.anonymous) !== 0,
  };
}
