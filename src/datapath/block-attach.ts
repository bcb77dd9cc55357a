// The programs at pods' interfaces: one filter on a shared block for all pods' ingress, one for all their egress, and at
// each interface a clsact qdisc that has both blocks. A tcx link waits 10 ms for every CPU with the RTNL lock held, twice
// a pod; this takes 0.2 ms, and a new program reaches all pods in one write (docs/decisions/pods-share-a-block.md).

import { isKernelError } from '../kernel/errno.ts';
import { listBlockFilters, replaceBlockFilter } from '../kernel/netlink/block-filter.ts';
import { linkByIndex } from '../kernel/netlink/link.ts';
import {
  addClsact,
  type Blocks,
  type Clsact,
  clsactOf,
  delClsact,
  listClsact,
} from '../kernel/netlink/qdisc.ts';
import type { NetlinkSocket } from '../kernel/netlink/socket.ts';
import { steadyListing } from '../kernel/netlink/steady-listing.ts';
import type { BpfProgram } from '../kernel/program.ts';
import type { IfIndex } from '../net/if-index.ts';
import type { AttachedHook, Attacher, Attachment, Hook } from './tables/attacher.ts';

export interface BlockAttachOptions {
  /** In the node's namespace. */
  readonly socket: NetlinkSocket;
  program(hook: Hook): BpfProgram;
}

type PodHook = 'from_pod' | 'to_pod';

/** Ours in the node's namespace: 'hd' and a digit, as ASCII. */
export const podBlocks: Blocks = { ingress: 0x686431, egress: 0x686432 };
const place = { priority: 1, handle: 1 } as const;
const blockOf: Readonly<Record<PodHook, number>> = {
  from_pod: podBlocks.ingress,
  to_pod: podBlocks.egress,
};

export class BlockAttacher implements Attacher {
  readonly #options: BlockAttachOptions;

  readonly #listOurs: () => readonly Clsact[];

  constructor(options: BlockAttachOptions) {
    this.#options = options;
    this.#listOurs = steadyListing(options.socket, (dumps) =>
      listClsact(dumps).filter(hasOurBlocks),
    );
  }

  list(desired: ReadonlyMap<string, AttachedHook> = new Map()): readonly AttachedHook[] {
    const { socket } = this.#options;
    const ours = this.#listOurs();
    if (ours.length === 0) return [];
    const names = new Map(Array.from(desired.values(), ({ ifIndex, ifName }) => [ifIndex, ifName]));
    const runs = {
      from_pod: this.#isCurrent('from_pod'),
      to_pod: this.#isCurrent('to_pod'),
    };
    return ours.flatMap(({ ifIndex }) => {
      const ifName = names.get(ifIndex) ?? linkByIndex(socket, ifIndex)?.name;
      if (ifName === undefined) return [];
      return podHooks.map((hook) => ({ ifName, ifIndex, hook, current: runs[hook] }));
    });
  }

  attach({ ifIndex, hook }: Attachment): void {
    if (!isPodHook(hook)) throw new Error(`${hook} is not a hook of pods`);
    const { socket, program } = this.#options;
    this.#addQdisc(ifIndex);
    replaceBlockFilter(socket, { block: blockOf[hook], ...place }, program(hook));
  }

  /** Both hooks: they share the qdisc, and come and go together. */
  detach({ ifIndex }: Attachment): void {
    const { socket } = this.#options;
    try {
      if (hasOurBlocks(clsactOf(socket, ifIndex))) delClsact(socket, ifIndex);
    } catch (error) {
      if (!isKernelError(error, 'ENODEV', 'ENOENT', 'EINVAL')) throw error;
    }
  }

  #addQdisc(ifIndex: IfIndex): void {
    const { socket } = this.#options;
    try {
      addClsact(socket, ifIndex, podBlocks);
    } catch (error) {
      if (!isKernelError(error, 'EEXIST')) throw error;
      if (hasOurBlocks(clsactOf(socket, ifIndex))) return;
      // Somebody's on our interface, with filters of its own in the place of ours: blocks cannot be exchanged.
      delClsact(socket, ifIndex);
      addClsact(socket, ifIndex, podBlocks);
    }
  }

  #isCurrent(hook: PodHook): boolean {
    const { socket, program } = this.#options;
    const { id } = program(hook).info();
    return listBlockFilters(socket, blockOf[hook]).some(
      ({ priority, handle, programId }) =>
        priority === place.priority && handle === place.handle && programId === id,
    );
  }
}

const podHooks: readonly PodHook[] = ['from_pod', 'to_pod'];

function isPodHook(hook: Hook): hook is PodHook {
  return hook === 'from_pod' || hook === 'to_pod';
}

function hasOurBlocks(found: Clsact | undefined): boolean {
  return found?.ingress === podBlocks.ingress && found.egress === podBlocks.egress;
}

/** Pods' hooks through blocks, the node's own through tcx links. */
export function attachByHook({
  pods,
  node,
}: {
  readonly pods: Attacher;
  readonly node: Attacher;
}): Attacher {
  const of = (hook: Hook): Attacher => (isPodHook(hook) ? pods : node);
  return {
    list: (desired) => [...node.list(desired), ...pods.list(desired)],
    attach: (attachment) => of(attachment.hook).attach(attachment),
    detach: (attachment) => of(attachment.hook).detach(attachment),
  };
}
