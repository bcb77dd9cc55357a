// Detects immediately when another process has changed heddle's nftables rules; a periodic check would leave them
// changed for that long. Most changes concern other tables, above all kube-proxy's, and cost one short query.

import { KernelError } from '../kernel/errno.ts';
import { nftChanges, ruleBytes } from '../kernel/netfilter/nft-changes.ts';
import { NetlinkSocket } from '../kernel/netlink/socket.ts';
import { nftTableName } from '../model/ids.ts';

export interface RulesWatchOptions {
  /** Of family `inet`. Default: the pod network's. */
  readonly table?: string;
  /** Heddle's rules differ from those at the last `accept`. */
  onChange(): void;
  readonly signal: AbortSignal;
}

export class RulesWatch implements Disposable {
  readonly #options: RulesWatchOptions;
  readonly #socket: NetlinkSocket;
  readonly #changes: AsyncIterable<'changed'>;
  #accepted: Buffer | undefined;

  /** Subscribes immediately. Throws KernelError. */
  constructor(options: RulesWatchOptions) {
    this.#options = options;
    this.#socket = NetlinkSocket.open({ family: 'netfilter' });
    this.#changes = nftChanges({ signal: options.signal });
  }

  /** Marks the current rules as right. */
  accept(): void {
    if (!this.#options.signal.aborted) this.#accepted = this.#read() ?? this.#accepted;
  }

  /** Runs until the signal aborts. */
  async run(): Promise<void> {
    for await (const _ of this.#changes) {
      if (this.#accepted === undefined) continue;
      const now = this.#read();
      if (now === undefined || !this.#accepted.equals(now)) this.#options.onChange();
    }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  // Undefined: the rules changed during each attempt. A full check finds the change, and so does each period.
  #read(): Buffer | undefined {
    try {
      return ruleBytes(this.#socket, this.#options.table ?? nftTableName);
    } catch (error) {
      if (error instanceof KernelError) return undefined;
      throw error;
    }
  }
}
