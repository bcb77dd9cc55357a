// The parts of the agent that have to do with translation, tied to the kernel.

import type { Logger } from '../base/log.ts';
import type { UndoStack } from '../base/undo.ts';
import type { Datapath } from '../datapath/loader.ts';
import { NftDrops } from '../datapath/tables/nft-drops.ts';
import { nftTableName } from '../datapath/tables/nft-rules.ts';
import { NetlinkSocket } from '../kernel/netlink/socket.ts';
import { nftCounters } from '../kernel/nft-counters.ts';
import type { Nftables } from '../kernel/nftables.ts';
import { beganByDestination } from './flow-initiator.ts';
import type { Journal } from './journal.ts';
import { StaleConnections } from './stale-connections.ts';

/** Throws KernelError. */
export function nftDrops(nft: Nftables, owned: UndoStack): NftDrops {
  const socket = owned.use(NetlinkSocket.open({ family: 'netfilter' }));
  return new NftDrops(nft, () => nftCounters(socket, nftTableName));
}

export function staleConnections(
  { maps }: Datapath,
  { log, journal }: { readonly log: Logger; readonly journal: Journal },
): StaleConnections {
  return new StaleConnections({
    log,
    onError: (text) => journal.error(text),
    beganByPod: (entry) => beganByDestination(maps.flows, entry),
  });
}
