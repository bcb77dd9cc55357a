// Deletes pods' interfaces from the node. The kernel waits some 25 ms for all CPUs before an interface is deleted, with
// the RTNL lock held, and as long for a hundred together: so concurrent deletions share a request, and interfaces that
// are already useless are deleted a little later, when no one waits for it.

import { isKernelError } from '../../kernel/errno.ts';
import { delLinkGroupAsync, listLinks, setLink } from '../../kernel/netlink/link.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { doomedGroup, ownMacs } from '../../model/ids.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { gatewayMac } from './gateway.ts';
import { isDoomedName } from './names.ts';

export class LinkRemoval implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #delayMs: number;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #earlier: Promise<void> = Promise.resolve();

  /** `socket` still belongs to the caller. */
  constructor(socket: NetlinkSocket, delayMs: number) {
    this.#socket = socket;
    this.#delayMs = delayMs;
  }

  /** Resolves when it is deleted; a missing one is fine. Rejects with KernelError. */
  remove(ifIndex: IfIndex): Promise<void> {
    try {
      setLink(this.#socket, { ifIndex, group: doomedGroup });
    } catch (error) {
      if (isKernelError(error, 'ENODEV')) return Promise.resolve();
      throw error;
    }
    return this.#flush();
  }

  /** For interfaces that are already in `doomedGroup`. */
  removeSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // A failure is retried with the next removal, and at the next start.
      this.#flush().catch(() => undefined);
    }, this.#delayMs).unref();
  }

  /**
   * Deletes interfaces left by an agent that died in between, identified by name and MAC, because a name alone may
   * belong to another interface. Immediately: if the agent died during a DEL, the pod's end still has its own name,
   * which no ADD can use.
   */
  finishEarlier(): void {
    const left = listLinks(this.#socket, { kind: 'veth' }).filter(
      ({ name, mac }) => isDoomedName(name) && (mac === gatewayMac || mac === ownMacs.queue),
    );
    for (const { ifIndex } of left) setLink(this.#socket, { ifIndex, group: doomedGroup });
    if (left.length > 0) this.#earlier = this.#flush().catch(() => undefined);
  }

  /** Resolves when these are deleted or could not be. */
  earlierGone(): Promise<void> {
    return this.#earlier;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  // Callers during a batch share the next one.
  #flush(): Promise<void> {
    this.#next ??= this.#running.then(async () => {
      this.#next = undefined;
      try {
        await delLinkGroupAsync(this.#socket, doomedGroup);
      } catch (error) {
        // Their namespaces were deleted first.
        if (!isKernelError(error, 'ENODEV')) throw error;
      }
    });
    const batch = this.#next;
    this.#running = batch.catch(() => undefined);
    return batch;
  }
}
