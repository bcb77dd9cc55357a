// What pods send through tcx, on top of the shared block: the same program, 55 ns a packet quicker, and the filter below it
// sees nothing while it is there (bpf/pod.bpf.c answers PASS). Attaching waits 10 ms for every CPU with the RTNL lock held,
// so no ADD does it: what lacks it is noted, and somebody attaches one at a time when nobody waits. Without a link: it ends
// with its interface, and there is nothing to remove (docs/decisions/pods-share-a-block.md).

import { attachTcxProgram, queryTcx } from '../kernel/attach.ts';
import { isKernelError, type KernelError } from '../kernel/errno.ts';
import { linkByIndex } from '../kernel/netlink/link.ts';
import type { NetlinkSocket } from '../kernel/netlink/socket.ts';
import { BpfProgram } from '../kernel/program.ts';
import type { IfIndex } from '../net/if-index.ts';

export interface PodTcxOptions {
  /** In the node's namespace, as the calling thread must be. */
  readonly socket: NetlinkSocket;
  /** from_pod: a packet between pods meets no other. */
  program(): BpfProgram;
  /** See `BlockAttachOptions.isDoomed`. */
  isDoomed(ifName: string): boolean;
}

const direction = 'ingress';

export class PodTcx {
  readonly #options: PodTcxOptions;
  readonly #lacking = new Set<IfIndex>();
  readonly #attached = new Set<IfIndex>();
  /** What runs there is ours, of an earlier load: the program's id. */
  readonly #stale = new Map<IfIndex, number>();
  /** By program id; ids are not given twice. */
  #isOurs: ReadonlyMap<number, boolean> = new Map();
  #currentId: number | undefined;

  constructor(options: PodTcxOptions) {
    this.#options = options;
  }

  /** How many pods' interfaces have it, of the load that is in force. */
  get attached(): number {
    return this.#attached.size;
  }

  /** Asks the kernel how it stands at these interfaces; nothing else is known afterwards. */
  survey(ifIndexes: readonly IfIndex[]): void {
    for (const known of [this.#lacking, this.#attached, this.#stale]) known.clear();
    const seen = new Map<number, boolean>();
    for (const ifIndex of ifIndexes) this.#look(ifIndex, seen);
    this.#isOurs = seen;
  }

  /** As of the last survey: a program of an earlier load runs there, with its maps. */
  isStale(ifIndex: IfIndex): boolean {
    return this.#stale.has(ifIndex);
  }

  /** An earlier load's program is exchanged at once; where there is none, it is noted that one is wanted. */
  want(ifIndex: IfIndex): KernelError | undefined {
    const staleId = this.#stale.get(ifIndex);
    if (staleId === undefined) {
      if (!this.#attached.has(ifIndex)) this.#lacking.add(ifIndex);
      return undefined;
    }
    try {
      this.#exchange(ifIndex, staleId);
      return undefined;
    } catch (error) {
      if (isKernelError(error)) return error;
      throw error;
    }
  }

  /** Attaches one of those that lack it. False: no more do. Throws KernelError; the next survey finds that one again. */
  attachNext(): boolean {
    const [ifIndex] = this.#lacking;
    if (ifIndex === undefined) return false;
    this.#lacking.delete(ifIndex);
    if (this.#isServed(ifIndex)) this.#attach(ifIndex);
    return this.#lacking.size > 0;
  }

  /** It is no endpoint's any more. What runs there stays, and ends with the interface. */
  forget(ifIndex: IfIndex): void {
    for (const known of [this.#lacking, this.#attached, this.#stale]) known.delete(ifIndex);
  }

  #look(ifIndex: IfIndex, seen: Map<number, boolean>): void {
    try {
      const ids = queryTcx(ifIndex, direction).map(({ programId }) => programId);
      const ours = ids.find((id) => this.#isOfOurs(id, seen));
      if (ours === undefined) this.#lacking.add(ifIndex);
      else if (ours === this.#current()) this.#attached.add(ifIndex);
      else this.#stale.set(ifIndex, ours);
    } catch (error) {
      // Gone meanwhile.
      if (!isKernelError(error, 'ENODEV')) throw error;
    }
  }

  #attach(ifIndex: IfIndex): void {
    try {
      attachTcxProgram({ program: this.#options.program(), ifIndex, direction });
      this.#attached.add(ifIndex);
    } catch (error) {
      if (isKernelError(error, 'EEXIST')) this.#attached.add(ifIndex);
      else if (!isKernelError(error, 'ENODEV')) throw error;
    }
  }

  #exchange(ifIndex: IfIndex, staleId: number): void {
    using replaced = BpfProgram.openById(staleId);
    attachTcxProgram({ program: this.#options.program(), ifIndex, direction, replaced });
    this.#stale.delete(ifIndex);
    this.#attached.add(ifIndex);
  }

  #isServed(ifIndex: IfIndex): boolean {
    const { socket, isDoomed } = this.#options;
    const name = linkByIndex(socket, ifIndex)?.name;
    return name !== undefined && !isDoomed(name);
  }

  #current(): number {
    this.#currentId ??= this.#options.program().info().id;
    return this.#currentId;
  }

  #isOfOurs(programId: number, seen: Map<number, boolean>): boolean {
    const isOurs =
      this.#isOurs.get(programId) ?? seen.get(programId) ?? this.#hasOurName(programId);
    seen.set(programId, isOurs);
    return isOurs;
  }

  #hasOurName(programId: number): boolean {
    try {
      using program = BpfProgram.openById(programId);
      return program.name === this.#options.program().name;
    } catch (error) {
      // Detached meanwhile, and gone with that.
      if (isKernelError(error, 'ENOENT')) return false;
      throw error;
    }
  }
}
