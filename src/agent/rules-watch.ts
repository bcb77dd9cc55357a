// Notices when another process has changed our nftables rules, right after it did: what is looked at every period would
// stay open for as long. Most changes are of others' tables, kube-proxy's above all, and cost one short question.

import { nftTableName } from '../datapath/ids.ts';
import { KernelError } from '../kernel/errno.ts';
import { nftChanges, ruleBytes } from '../kernel/netfilter/nft-changes.ts';
import { NetlinkSocket } from '../kernel/netlink/socket.ts';

export interface RulesWatchOptions {
  /** Our rules are others than they were at the last `accept`. */
  onChange(): void;
  readonly signal: AbortSignal;
}

export class RulesWatch implements Disposable {
  readonly #options: RulesWatchOptions;
  readonly #socket: NetlinkSocket;
  readonly #changes: AsyncIterable<'changed'>;
  #accepted: Buffer | undefined;

  /** Subscribed from now on. Throws KernelError. */
  constructor(options: RulesWatchOptions) {
    this.#options = options;
    this.#socket = NetlinkSocket.open({ family: 'netfilter' });
    this.#changes = nftChanges({ signal: options.signal });
  }

  /** The rules are as they should be, as of now. */
  accept(): void {
    if (!this.#options.signal.aborted) this.#accepted = this.#read() ?? this.#accepted;
  }

  /** Until the signal aborts. */
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

  // Undefined: they would not stand still. A look at everything finds out, and so does each period.
  #read(): Buffer | undefined {
    try {
      return ruleBytes(this.#socket, nftTableName);
    } catch (error) {
      if (error instanceof KernelError) return undefined;
      throw error;
    }
  }
}
