// The facts as an agent has them checked: with a data path whose own programs are no news.

import { programNames } from '../../datapath/generated.ts';
import type { Datapath } from '../../datapath/loader.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import type { Nftables } from '../../kernel/nftables.ts';
import { namedAsOurs } from '../our-programs.ts';
import { FactWatch } from './fact-watch.ts';
import { ForeignPrograms } from './foreign-programs.ts';
import { NodeObserver } from './observe-node.ts';

/** `nft` is for this alone: listings of others' tables must not take the place of the last one of ours. */
export function factWatch(socket: NetlinkSocket, nft: Nftables, datapath: Datapath): FactWatch {
  const ownIds = new Set(programNames.map((name) => datapath.program(name).info().id));
  const isNamedAsOurs = namedAsOurs();
  const programs = new ForeignPrograms({
    socket,
    isOwnProgram: (id) => ownIds.has(id),
    isOurs: (id) => ownIds.has(id) || isNamedAsOurs(id),
  });
  return new FactWatch(new NodeObserver({ socket, nft, programs }));
}
