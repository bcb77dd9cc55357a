// Removes what kube-proxy has left on this node, in the network namespace of the calling thread, and nothing of any other
// program. Can be repeated.

import { existsSync, readFileSync } from 'node:fs';
import type { KubeProxyCleaning } from '../../api/kube-proxy.ts';
import { Nftables } from '../../kernel/netfilter/nftables.ts';
import { delLink, linkByName } from '../../kernel/netlink/link.ts';
import { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { cleanLegacy } from './clean-legacy.ts';
import { cleanNft } from './clean-nft.ts';
import type { Cleaned } from './cleaned.ts';
import { ipvsInterface } from './own-chains.ts';

/** Throws KernelError. */
export async function cleanKubeProxy(isDryRun: boolean): Promise<KubeProxyCleaning> {
  using socket = NetlinkSocket.open({ family: 'netfilter' });
  using nft = Nftables.open();
  const steps = [
    cleanNft({ nft, socket, isDryRun }),
    await cleanLegacy(isDryRun),
    cleanIpvs(isDryRun),
  ];
  return {
    isDryRun,
    removed: steps.flatMap(({ removed }) => removed).filter(({ count }) => count > 0),
    left: steps.flatMap(({ left }) => left),
  };
}

// Nothing shows whose a virtual server is, so they are only named.
function cleanIpvs(isDryRun: boolean): Cleaned {
  using socket = NetlinkSocket.open();
  const link = linkByName(socket, ipvsInterface);
  if (link !== undefined && !isDryRun) delLink(socket, link.ifIndex);
  const servers = virtualServers();
  const removed = [{ what: `interface ${ipvsInterface}`, count: link === undefined ? 0 : 1 }];
  const text = `IPVS has ${servers} virtual servers, which may be another program's: \`ipvsadm -C\` or a reboot removes all of them`;
  return { removed, left: servers === 0 ? [] : [text] };
}

// `TCP  0A60000A:0050 rr`, after three lines of header; lines of real servers begin with `  ->`.
function virtualServers(): number {
  const file = '/proc/thread-self/net/ip_vs';
  if (!existsSync(file)) return 0;
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => /^(TCP|UDP|SCTP|FWM) /.test(line)).length;
}
