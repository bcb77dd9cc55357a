// Programs and filters of other software that packets of pods pass: at uplinks and the VXLAN device in each check, in
// the shared blocks of pods' interfaces as one listing for all, and tcx programs at those interfaces in turn
// (pod-programs.ts).

import { type Direction, queryTcx } from '../../../kernel/bpf/attach/tcx.ts';
import { isKernelError } from '../../../kernel/errno.ts';
import {
  listLinkFilters,
  listSharedFilters,
  type TcFilter,
} from '../../../kernel/netlink/link-filter.ts';
import type { Dumps } from '../../../kernel/netlink/protocol/request.ts';
import type { DesiredState } from '../../../model/desired.ts';
import { podBlocks } from '../../../model/ids.ts';
import type { IfIndex } from '../../../net/if-index.ts';
import type { ForeignProgram } from './observed-node.ts';
import { PodPrograms } from './pod-programs.ts';

export interface ForeignProgramsOptions {
  /** In the namespace of the calling thread. */
  readonly socket: Dumps;
  /** Whether a program belongs to the current data path. */
  isOwnProgram(programId: number): boolean;
  /**
   * Whether a program belongs to any data path of heddle: programs of earlier ones at pods' interfaces are replaced.
   */
  isOurs(programId: number): boolean;
}

const directions = ['ingress', 'egress'] as const;

export class ForeignPrograms {
  readonly #options: ForeignProgramsOptions;
  readonly #pods: PodPrograms;

  constructor(options: ForeignProgramsOptions) {
    this.#options = options;
    this.#pods = new PodPrograms((ifIndex, isNearEnd) => this.#atPod(ifIndex, isNearEnd));
  }

  /** Throws KernelError. */
  look({ uplinks, overlay, endpoints }: DesiredState): readonly ForeignProgram[] {
    const tunnel = overlay?.ifIndex;
    return [
      ...uplinks.flatMap(({ ifIndex }) => this.#atUplink(ifIndex)),
      ...(tunnel === undefined ? [] : this.#atTunnel(tunnel)),
      ...(endpoints.size === 0 ? [] : this.#inBlocks()),
      ...this.#pods.look(endpoints.values()),
    ];
  }

  // Heddle attaches only at ingress there. A program before its own sees a packet first; one after it sees only packets
  // that it passes, which is most outside traffic. tc filters come after tcx.
  #atUplink(ifIndex: IfIndex): readonly ForeignProgram[] {
    const { isOwnProgram } = this.#options;
    return directions.flatMap((direction) => [
      ...byTcx(ifIndex, direction, beforeOurs(programsAt(ifIndex, direction), isOwnProgram)),
      ...this.#filters(ifIndex, direction),
    ]);
  }

  // Packets that heddle's program forwards there, or receives from the stack, belong to pods, too.
  #atTunnel(ifIndex: IfIndex): readonly ForeignProgram[] {
    const { isOwnProgram } = this.#options;
    return directions.flatMap((direction) => [
      ...byTcx(
        ifIndex,
        direction,
        programsAt(ifIndex, direction).filter((id) => !isOwnProgram(id)),
      ),
      ...this.#filters(ifIndex, direction),
    ]);
  }

  // Heddle's program is last in its block and appears in the listing in its place.
  #inBlocks(): readonly ForeignProgram[] {
    const { socket, isOurs } = this.#options;
    return directions.flatMap((direction) => {
      const filters = listSharedFilters(socket, podBlocks[direction]);
      const own = filters.findIndex(
        ({ programId }) => programId !== undefined && isOurs(programId),
      );
      const before = own < 0 ? filters : filters.slice(0, own);
      return textsOf(before, isOurs).map((what) => ({ hook: `tc ${direction}` as const, what }));
    });
  }

  // A clsact qdisc without heddle's blocks is replaced where its programs belong. The near end of a queue has none of
  // them.
  #atPod(ifIndex: IfIndex, isNearEnd: boolean): readonly ForeignProgram[] {
    return directions.flatMap((direction) => [
      ...byTcx(
        ifIndex,
        direction,
        beforeOurs(programsAt(ifIndex, direction), this.#options.isOurs),
      ),
      ...(isNearEnd ? this.#filters(ifIndex, direction) : []),
    ]);
  }

  #filters(ifIndex: IfIndex, direction: Direction): readonly ForeignProgram[] {
    const { socket, isOwnProgram } = this.#options;
    const filters = listLinkFilters(socket, ifIndex, direction);
    const hook = `tc ${direction}` as const;
    return textsOf(filters, isOwnProgram).map((what) => ({ ifIndex, hook, what }));
  }
}

function byTcx(
  ifIndex: IfIndex,
  direction: Direction,
  ids: readonly number[],
): readonly ForeignProgram[] {
  return ids.map((id) => ({ ifIndex, hook: `tcx ${direction}` as const, what: `program ${id}` }));
}

function beforeOurs(ids: readonly number[], isOurs: (id: number) => boolean): readonly number[] {
  const own = ids.findIndex(isOurs);
  return own < 0 ? ids : ids.slice(0, own);
}

// Classifiers of one kind are mentioned once, because there may be thousands.
function textsOf(
  filters: readonly TcFilter[],
  isOwn: (programId: number) => boolean,
): readonly string[] {
  const texts = filters.flatMap(({ kind, programId }) => {
    if (programId === undefined) return [`filter ${kind}`];
    return isOwn(programId) ? [] : [`program ${programId}`];
  });
  return [...new Set(texts)];
}

function programsAt(ifIndex: IfIndex, direction: Direction): readonly number[] {
  try {
    return queryTcx(ifIndex, direction).map(({ programId }) => programId);
  } catch (error) {
    // It was deleted meanwhile.
    if (isKernelError(error, 'ENODEV')) return [];
    throw error;
  }
}
