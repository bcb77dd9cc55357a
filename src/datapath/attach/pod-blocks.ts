// The programs at pods' interfaces: one filter on a shared block for all pods' ingress, one for all their egress, and
// at each interface a clsact qdisc with both blocks for its lifetime. A tcx link waits 10 ms for every CPU with the
// RTNL lock held, twice per pod; this takes 0.2 ms, and a new program reaches all pods in one write
// (docs/decisions/pods-share-a-block.md).

import type { BpfProgram } from '../../kernel/bpf/program.ts';
import { isKernelError, type KernelError } from '../../kernel/errno.ts';
import { batch } from '../../kernel/netlink/batch.ts';
import { listBlockFilters, replaceBlockFilter } from '../../kernel/netlink/block-filter.ts';
import type { Outcomes, RequestSink } from '../../kernel/netlink/protocol/request.ts';
import { steadyListing } from '../../kernel/netlink/protocol/steady-listing.ts';
import {
  addClsact,
  type Clsact,
  clsactOf,
  delClsact,
  listClsact,
} from '../../kernel/netlink/qdisc.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { podBlocks } from '../../model/ids.ts';
import type { IfIndex } from '../../net/if-index.ts';
import type {
  Attached,
  AttachedHook,
  Attacher,
  Attachment,
  InterfaceAttachment,
} from '../attacher.ts';

export interface BlockAttachOptions {
  /** In the node's namespace. */
  readonly socket: NetlinkSocket;
  program(hook: PodHook): BpfProgram;
}

export type PodHook = 'from_pod' | 'to_pod';
export type PodAttachment = InterfaceAttachment<PodHook>;

/**
 * There is no detaching: without an endpoint the programs drop a pod's packets, and without programs the node would
 * forward them unchecked.
 */
export interface Filters {
  list(desired: ReadonlyMap<string, AttachedHook>): readonly Attached<PodAttachment>[];
  attachAll(attachments: readonly PodAttachment[]): readonly (Error | undefined)[];
}

export interface PodAttacher extends Filters {
  detach(attachment: PodAttachment): void;
}

const place = { priority: 1, handle: 1 } as const;
const blockOf: Readonly<Record<PodHook, number>> = {
  from_pod: podBlocks.ingress,
  to_pod: podBlocks.egress,
};

export class BlockAttacher implements Filters {
  readonly #options: BlockAttachOptions;

  readonly #listOurs: () => readonly Clsact[];

  constructor(options: BlockAttachOptions) {
    this.#options = options;
    this.#listOurs = steadyListing(options.socket, (dumps) =>
      listClsact(dumps).filter(hasOurBlocks),
    );
  }

  /** Lists only desired interfaces: nothing is removed from the others. */
  list(desired: ReadonlyMap<string, AttachedHook>): readonly Attached<PodAttachment>[] {
    const ours = this.#listOurs();
    if (ours.length === 0) return [];
    const names = new Map<IfIndex, string>();
    for (const attachment of desired.values()) {
      if (attachment.target === 'interface') names.set(attachment.ifIndex, attachment.ifName);
    }
    const runs = {
      from_pod: this.#isCurrent('from_pod'),
      to_pod: this.#isCurrent('to_pod'),
    };
    return ours.flatMap(({ ifIndex }) => {
      const ifName = names.get(ifIndex);
      if (ifName === undefined) return [];
      return podHooks.map(
        (hook) => ({ target: 'interface', ifName, ifIndex, hook, current: runs[hook] }) as const,
      );
    });
  }

  /**
   * One qdisc per interface and one filter per hook, in one send: hooks of one interface share the qdisc, all
   * interfaces the filter.
   */
  attachAll(attachments: readonly PodAttachment[]): Outcomes {
    const ifIndexes = [...new Set(attachments.map(({ ifIndex }) => ifIndex))];
    const hooks = [...new Set(attachments.map(({ hook }) => hook))];
    const outcomes = batch(this.#options.socket, (requests) => {
      for (const ifIndex of ifIndexes) addClsact(requests, ifIndex, podBlocks);
      this.#setFilters(requests, hooks);
    });
    const qdiscs = new Map(ifIndexes.map((ifIndex, index) => [ifIndex, outcomes[index]]));
    const taken = ifIndexes.filter((ifIndex) => isKernelError(qdiscs.get(ifIndex), 'EEXIST'));
    for (const ifIndex of taken) qdiscs.set(ifIndex, this.#takeOver(ifIndex));
    // A block may have been deleted with the replaced qdisc, together with its filter.
    const filters =
      taken.length === 0
        ? outcomes.slice(ifIndexes.length)
        : batch(this.#options.socket, (requests) => this.#setFilters(requests, hooks));
    return attachments.map(
      ({ ifIndex, hook }) => qdiscs.get(ifIndex) ?? filters[hooks.indexOf(hook)],
    );
  }

  #setFilters(requests: RequestSink, hooks: readonly PodHook[]): void {
    for (const hook of hooks) {
      const filter = { block: blockOf[hook], ...place };
      replaceBlockFilter(requests, filter, this.#options.program(hook));
    }
  }

  // There is one: heddle's, or another process's with filters in its place, whose blocks cannot be replaced.
  #takeOver(ifIndex: IfIndex): KernelError | undefined {
    const { socket } = this.#options;
    if (hasOurBlocks(clsactOf(socket, ifIndex))) return undefined;
    const outcomes = batch(socket, (requests) => {
      delClsact(requests, ifIndex);
      addClsact(requests, ifIndex, podBlocks);
    });
    return outcomes.find((failure) => failure !== undefined);
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

export function isAtPod(attachment: Attachment): attachment is PodAttachment {
  return attachment.target === 'interface' && isPodHook(attachment.hook);
}

export function isPodHook(hook: string): hook is PodHook {
  return hook === 'from_pod' || hook === 'to_pod';
}

/** Only heddle creates such an interface. */
export function hasOurBlocks(found: Clsact | undefined): boolean {
  return found?.ingress === podBlocks.ingress && found.egress === podBlocks.egress;
}

/** Uses blocks for programs at pods' interfaces, and links for all others. */
export function attachByHook({
  pods,
  links,
}: {
  readonly pods: PodAttacher;
  readonly links: Attacher;
}): Attacher {
  return {
    // The pin of an earlier version's link at a pod's interface belongs to the other attacher.
    list: (desired) => [
      ...links.list(desired).filter((attached) => !isAtPod(attached)),
      ...pods.list(desired),
    ],
    attachAll: (attachments) => {
      const done = new Map<Attachment, Error | undefined>();
      const atLinks = attachments.filter((attachment) => !isAtPod(attachment));
      const atPods = attachments.filter(isAtPod);
      const note = (
        some: readonly Attachment[],
        outcomes: readonly (Error | undefined)[],
      ): void => {
        for (const [index, attachment] of some.entries()) done.set(attachment, outcomes[index]);
      };
      if (atLinks.length > 0) note(atLinks, links.attachAll(atLinks));
      if (atPods.length > 0) note(atPods, pods.attachAll(atPods));
      return attachments.map((attachment) => done.get(attachment));
    },
    detach: (attachment) => {
      if (isAtPod(attachment)) pods.detach(attachment);
      else links.detach(attachment);
    },
  };
}
