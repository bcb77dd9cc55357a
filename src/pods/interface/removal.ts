// Takes pods' interfaces off the node. The kernel waits some 25 ms for all CPUs before an interface is gone, with the
// RTNL lock held, and as long for a hundred at once: so those that go at the same time go in one request, and those
// that nothing can pass any more go a little later, when nobody waits for it.

import { queueMac } from '../../datapath/ids.ts';
import { isKernelError } from '../../kernel/errno.ts';
import { delLinkGroupAsync, listLinks, setLink } from '../../kernel/netlink/link.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { gatewayMac } from './gateway.ts';
import { isDoomedName } from './names.ts';

/** Interfaces with this number are about to be deleted, all that have it: ours alone, 'hdx' as ASCII. */
export const doomedGroup = 0x686478;

export class LinkRemoval implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #delayMs: number;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #earlier: Promise<void> = Promise.resolve();

  /** `socket` stays the caller's. */
  constructor(socket: NetlinkSocket, delayMs: number) {
    this.#socket = socket;
    this.#delayMs = delayMs;
  }

  /** Resolves when it is gone; what is gone already is fine. Rejects with KernelError. */
  remove(ifIndex: IfIndex): Promise<void> {
    try {
      setLink(this.#socket, { ifIndex, group: doomedGroup });
    } catch (error) {
      if (isKernelError(error, 'ENODEV')) return Promise.resolve();
      throw error;
    }
    return this.#flush();
  }

  /** For what is in `doomedGroup` already. */
  removeSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // What could not be done is tried again with the next one, and at the next start.
      this.#flush().catch(() => undefined);
    }, this.#delayMs).unref();
  }

  /**
   * What an agent that died in between has left; by name and MAC both, since a name alone may be somebody else's. At once: where it
   * died half-way through a DEL, the pod's end has its own name still, and no ADD can have it.
   */
  finishEarlier(): void {
    const left = listLinks(this.#socket, { kind: 'veth' }).filter(
      ({ name, mac }) => isDoomedName(name) && (mac === gatewayMac || mac === queueMac),
    );
    for (const { ifIndex } of left) setLink(this.#socket, { ifIndex, group: doomedGroup });
    if (left.length > 0) this.#earlier = this.#flush().catch(() => undefined);
  }

  /** Resolves when that is gone, or could not be deleted. */
  earlierGone(): Promise<void> {
    return this.#earlier;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  // Whoever comes while one batch is under way shares the next.
  #flush(): Promise<void> {
    this.#next ??= this.#running.then(async () => {
      this.#next = undefined;
      try {
        await delLinkGroupAsync(this.#socket, doomedGroup);
      } catch (error) {
        // The ends of their namespaces were quicker.
        if (!isKernelError(error, 'ENODEV')) throw error;
      }
    });
    const batch = this.#next;
    this.#running = batch.catch(() => undefined);
    return batch;
  }
}
