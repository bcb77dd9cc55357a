// Reads over netlink which rules lead from one chain to another: a listing by libnftables would hold every rule of a
// table, of which kube-proxy's may have hundreds of thousands (linux/netfilter/nf_tables.h: NFTA_RULE_*,
// NFTA_IMMEDIATE_*, NFTA_DATA_VERDICT, NFTA_VERDICT_*).

import { Attributes, listElements } from '../netlink/protocol/attribute.ts';
import type { Query } from '../netlink/protocol/request.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import type { NftTableName } from './nft-sets.ts';
import { nftFamilyNumbers } from './nft-xtables.ts';

/** A rule that ends in `jump TARGET` or `goto TARGET`. */
export interface NftJump {
  readonly chain: string;
  readonly handle: number;
  readonly target: string;
}

const getRule = (10 << 8) | 7;
const headerBytes = 4;
const ruleAttributes = { table: 1, chain: 2, handle: 3, expressions: 4 } as const;
const expressionAttributes = { name: 1, data: 2 } as const;
const immediateData = 2;
const dataVerdict = 2;
const verdictChain = 2;

/** Of the rules that satisfy `keeps`; jumps by verdict maps are left out. Throws KernelError. */
export function listJumps(
  socket: Pick<NetlinkSocket, 'dump'>,
  { family, table }: NftTableName,
  keeps: (jump: Pick<NftJump, 'chain' | 'target'>) => boolean,
): readonly NftJump[] {
  const query: Query = {
    call: 'nft rule list',
    subject: `table ${family} ${table}`,
    type: getRule,
    // struct nfgenmsg: family, version 0, no resource.
    write: (message) => {
      message.u32(nftFamilyNumbers[family]);
      message.textAttribute(ruleAttributes.table, table);
    },
  };
  return socket.dump(query, (payload) => {
    const rule = new Attributes(payload.subarray(headerBytes));
    const list = rule.view(ruleAttributes.expressions);
    const target = list === undefined ? undefined : listElements(list).map(targetOf).find(Boolean);
    const chain = rule.text(ruleAttributes.chain) ?? '';
    if (target === undefined || !keeps({ chain, target })) return undefined;
    return { chain, handle: rule.u64BigEndian(ruleAttributes.handle) ?? 0, target };
  });
}

function targetOf(bytes: Buffer): string | undefined {
  const expression = new Attributes(bytes);
  if (expression.text(expressionAttributes.name) !== 'immediate') return undefined;
  return expression
    .nested(expressionAttributes.data)
    ?.nested(immediateData)
    ?.nested(dataVerdict)
    ?.text(verdictChain);
}
