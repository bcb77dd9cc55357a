// What kube-proxy has written in this network namespace, whether it still runs or not. Cheap enough for a running agent:
// a few tables and chains are asked for by name, and iptables-legacy only if its tables are in use.

import { existsSync } from 'node:fs';
import { legacyTablesInUse } from '../../kernel/netfilter/legacy-tables.ts';
import { hasNftChain, hasNftTable } from '../../kernel/netfilter/nft-lookups.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { hasLegacyChain } from './legacy-program.ts';
import { ipvsInterface, ownNftTables, signsOfChains } from './own-chains.ts';

/**
 * One text each: `nftables table ip kube-proxy`, `iptables chains (ip nat KUBE-SERVICES)`, `interface kube-ipvs0`. Throws
 * KernelError.
 */
export async function kubeProxyRemains(
  socket: Pick<NetlinkSocket, 'get'>,
): Promise<readonly string[]> {
  const tables = ownNftTables.filter((each) => hasNftTable(socket, each));
  const ipvs = existsSync(`/proc/sys/net/ipv4/conf/${ipvsInterface}`);
  return [
    ...tables.map(({ family, table }) => `nftables table ${family} ${table}`),
    ...nftChains(socket),
    ...(await legacyChains()),
    ...(ipvs ? [`interface ${ipvsInterface}`] : []),
  ];
}

const families = ['ip', 'ip6'] as const;

function nftChains(socket: Pick<NetlinkSocket, 'get'>): readonly string[] {
  return families.flatMap((family) => {
    const sign = signsOfChains.find(({ table, chain }) =>
      hasNftChain(socket, { family, table }, chain),
    );
    return sign === undefined ? [] : [`iptables chains (${family} ${sign.table} ${sign.chain})`];
  });
}

async function legacyChains(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const family of families) {
    for (const { table, chain } of signsOfChains) {
      const isUsed = legacyTablesInUse().some(
        (each) => each.family === family && each.table === table,
      );
      if (!isUsed || (await hasLegacyChain({ family, table }, chain)) !== true) continue;
      found.push(`iptables-legacy chains (${family} ${table} ${chain})`);
      break;
    }
  }
  return found;
}
