// Parts of an nftables table, with rules and elements in nft's syntax.

import { podLinkPrefix } from '../../model/ids.ts';
import type { AddressFamily } from '../../net/address.ts';
import { type Prefix, prefixFamily } from '../../net/prefix.ts';

/** Matches packets that come in by any pod's host interface. */
export const fromPods: string = `iifname "${podLinkPrefix}*"`;

/** Matches packets that leave by any pod's host interface. */
export const toPods: string = `oifname "${podLinkPrefix}*"`;

export interface Collection {
  readonly kind: 'set' | 'map';
  readonly name: string;
  readonly type: string;
  /** Contains ranges. */
  readonly isInterval?: boolean;
  /** In nft's syntax: `KEY`, in a map `KEY : VALUE`. */
  readonly elements: readonly string[];
}

export interface Chain {
  readonly name: string;
  /** Absent: only other chains jump here. */
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

/** Names as in linux/netfilter.h; numbers, as the kernel lists them. */
export const priorities = {
  /** Before fragments are reassembled (-400); nft has no name for such a priority. */
  beforeDefragmentation: -450,
  afterDefragmentation: -350,
  raw: -300,
  /** Before other tables' translation of destinations (-100): a Service's address is its alone. */
  beforeDstnat: -107,
  beforeForward: -5,
  /** Before IPVS in `input` (98 and 99). */
  beforeServices: 97,
  /**
   * After other tables' chains at dstnat (-100) and srcnat (100): of two chains at one place the one that was created
   * last comes first, so the order in which tables are loaded would decide which one translates a connection.
   */
  afterDstnat: -95,
  beforeSrcnat: 95,
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

/** Declaration of a base chain in nft's syntax; '' for a chain to which only others jump. */
export function placeText(at: ChainPlace | undefined): string {
  if (at === undefined) return '';
  return `type ${at.type} hook ${at.hook} priority ${at.priority}; policy accept;`;
}
