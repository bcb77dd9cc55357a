// The parts of the agent for translation, connected to the kernel.

import type { Logger } from '../base/log.ts';
import type { UndoStack } from '../base/undo.ts';
import type { Datapath } from '../datapath/load/loader.ts';
import { NftDrops } from '../datapath/nft/drops.ts';
import { nftCounters } from '../kernel/netfilter/nft-counters.ts';
import type { Nftables } from '../kernel/netfilter/nftables.ts';
import { NetlinkSocket } from '../kernel/netlink/socket.ts';
import { nftTableName } from '../model/ids.ts';
import { beganByDestination } from './connections/flow-initiator.ts';
import { StaleConnections } from './connections/stale-connections.ts';
import type { Journal } from './journal.ts';

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
    onError: (text) => journal.error({ kind: 'connections', text }),
    beganByPod: (entry) => beganByDestination(maps.flows, entry),
  });
}
