// The facts as a running agent checks them: programs of its own data path are not reported.

import type { Logger } from '../../base/log.ts';
import { programNames } from '../../datapath/generated.ts';
import type { Datapath } from '../../datapath/load/loader.ts';
import { namedAsOurs } from '../../datapath/our-programs.ts';
import type { Nftables } from '../../kernel/netfilter/nftables.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { findCgroupRoot } from '../../kernel/requirements.ts';
import { FactWatch } from './fact-watch.ts';
import { nodeFacts } from './node-facts.ts';
import { CgroupPrograms } from './observed/cgroup-programs.ts';
import { ForeignPrograms } from './observed/foreign-programs.ts';
import { NodeObserver } from './observed/observe-node.ts';

export interface FactWatchOptions {
  readonly socket: NetlinkSocket;
  /** A context of its own: listings of other tables must not replace the last one of heddle's table. */
  readonly nft: Nftables;
  readonly datapath: Datapath;
  /** `cgroupRoot` is detected by default. */
  readonly log: Logger;
  readonly config: { readonly cgroupRoot?: string | undefined };
}

export function factWatch({ socket, nft, datapath, config, log }: FactWatchOptions): FactWatch {
  const ownIds = new Set(programNames.map((name) => datapath.program(name).info().id));
  const isNamedAsOurs = namedAsOurs();
  const programs = new ForeignPrograms({
    socket,
    isOwnProgram: (id) => ownIds.has(id),
    isOurs: (id) => ownIds.has(id) || isNamedAsOurs(id),
  });
  const cgroups = new CgroupPrograms(config.cgroupRoot ?? findCgroupRoot(), (id) => ownIds.has(id));
  return new FactWatch(new NodeObserver({ socket, nft, programs, cgroups }), nodeFacts, log);
}
