// Parts of an nftables table, with rules and elements as text for nft.

import type { AddressFamily } from '../../net/address.ts';
import { type Prefix, prefixFamily } from '../../net/prefix.ts';

export interface Collection {
  readonly kind: 'set' | 'map';
  readonly name: string;
  readonly type: string;
  /** Holds ranges. */
  readonly isInterval?: boolean;
  /** As nft writes them: `KEY`, in a map `KEY : VALUE`. */
  readonly elements: readonly string[];
}

export interface Chain {
  readonly name: string;
  /** Absent: only other chains lead here. */
  readonly at?: ChainPlace;
  readonly rules: readonly string[];
}

export interface ChainPlace {
  readonly type: 'filter' | 'nat';
  readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';
  readonly priority: number;
}

export interface TableContents {
  readonly collections: readonly Collection[];
  /** Names of counters that rules refer to. */
  readonly counters: readonly string[];
  readonly chains: readonly Chain[];
}

/** Named as in linux/netfilter.h; numbers, as the kernel lists them. */
export const priorities = {
  /** Before fragments are put together (-400), as none of the names is. */
  beforeDefragmentation: -450,
  afterDefragmentation: -350,
  raw: -300,
  /** Before IPVS in `input` (98 and 99). */
  beforeServices: 97,
  /**
   * After what others have at dstnat (-100) and srcnat (100): of two chains at one place the one that was made last comes
   * first, and who translates a connection would depend on whose table was loaded last.
   */
  afterDstnat: -95,
  afterSrcnat: 105,
} as const;

/** A set of addresses of one family, as ranges. */
export function addressSet(
  name: string,
  family: AddressFamily,
  all: readonly Prefix[],
): Collection {
  const type = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
  const elements = all.filter((prefix) => prefixFamily(prefix) === family);
  return { kind: 'set', name, type, isInterval: true, elements };
}

/** Declaration of a base chain, as nft writes it; '' for a chain that only others lead to. */
export function placeText(at: ChainPlace | undefined): string {
  if (at === undefined) return '';
  return `type ${at.type} hook ${at.hook} priority ${at.priority}; policy accept;`;
}
