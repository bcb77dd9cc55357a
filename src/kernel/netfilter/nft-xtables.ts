// Reads the xtables expressions ("match" and "target") in rules of iptables-nft over netlink, because libnftables does
// not list their contents as JSON (linux/netfilter/nf_tables.h: NFTA_RULE_*, NFTA_MATCH_*).

import { Attributes, listElements } from '../netlink/protocol/attribute.ts';
import type { Query } from '../netlink/protocol/request.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import type { NftFamily } from './nft-family.ts';

/** One `-m NAME` or `-j NAME`, in the order of the rule's expressions. */
export interface XtablesExpression {
  readonly kind: 'match' | 'target';
  readonly name: string;
  readonly revision: number;
  /** The extension's own struct (linux/netfilter/xt_NAME.h). */
  readonly info: Buffer;
}

/** By the rule's handle; rules without any are omitted. */
export type XtablesByRule = ReadonlyMap<number, readonly XtablesExpression[]>;

const getRule = (10 << 8) | 7;
const headerBytes = 4;
const ruleAttributes = { table: 1, handle: 3, expressions: 4 } as const;
const expressionAttributes = { name: 1, data: 2 } as const;
const xtAttributes = { name: 1, revision: 2, info: 3 } as const;
/** NFPROTO_* */
export const nftFamilyNumbers: Readonly<Record<NftFamily, number>> = {
  inet: 1,
  ip: 2,
  arp: 3,
  netdev: 5,
  bridge: 7,
  ip6: 10,
};

/** Throws KernelError. */
export function listXtables(
  socket: Pick<NetlinkSocket, 'dump'>,
  family: NftFamily,
  table: string,
): XtablesByRule {
  const rules = socket.dump(rulesOf({ family, table }), (payload) => {
    const attributes = new Attributes(payload.subarray(headerBytes));
    const list = attributes.view(ruleAttributes.expressions);
    const found = list === undefined ? [] : listElements(list).flatMap(readExpression);
    return [attributes.u64BigEndian(ruleAttributes.handle) ?? 0, found] as const;
  });
  return new Map(rules.filter(([, found]) => found.length > 0));
}

/**
 * Of a table, by default of all. Counts without reading the rules; the kernel lists at most one more than `most`. Throws
 * KernelError.
 */
export function hasMoreRules(
  socket: Pick<NetlinkSocket, 'dumpSome'>,
  most: number,
  of?: { readonly family: NftFamily; readonly table: string },
): boolean {
  return !socket.dumpSome(rulesOf(of), () => true, most).isWhole;
}

function rulesOf(of: { readonly family: NftFamily; readonly table: string } | undefined): Query {
  return {
    call: 'nft rule list',
    subject: of === undefined ? '' : `table ${of.family} ${of.table}`,
    type: getRule,
    // struct nfgenmsg: family, version 0, no resource.
    write: (message) => {
      message.u32(of === undefined ? 0 : nftFamilyNumbers[of.family]);
      if (of !== undefined) message.textAttribute(ruleAttributes.table, of.table);
    },
  };
}

function readExpression(bytes: Buffer): readonly XtablesExpression[] {
  const attributes = new Attributes(bytes);
  const kind = attributes.text(expressionAttributes.name);
  if (kind !== 'match' && kind !== 'target') return [];
  const data = attributes.nested(expressionAttributes.data);
  return [
    {
      kind,
      name: data?.text(xtAttributes.name) ?? '',
      revision: data?.u32BigEndian(xtAttributes.revision) ?? 0,
      info: Buffer.from(data?.view(xtAttributes.info) ?? []),
    },
  ];
}
