// Removes stale entries of UDP from connection tracking (stale-datagrams.ts), and stale sockets (stale-sockets.ts), after the
// backends of Services changed.

import { errorText } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { NetworkNamespace } from '../../kernel/namespace.ts';
import { removeConnections } from '../../kernel/netfilter/conntrack.ts';
import type { ConntrackEntry } from '../../kernel/netfilter/conntrack-record.ts';
import type { StaleDatagrams } from './stale-datagrams.ts';

export interface DatagramWalksOptions {
  /** What is stale, by the Services as they are when the walk begins. */
  judge(): (entry: ConntrackEntry) => StaleDatagrams | undefined;
  readonly log: Pick<Logger, 'info'>;
  /** Returns how many there were. */
  destroySockets(): number;
  onError(text: string): void;
  /** Default: the thread's own namespace. */
  readonly namespace?: NetworkNamespace | undefined;
}

// Changes of a rollout come in bursts. With this and a walk every client is back within a second.
const delayMs = 100;
// In a cluster that always changes, walks take at most a tenth of the time.
const restPerWalk = 9;
// A packet that had its mark when the entry was deleted may make the entry again.
const secondLookMs = 500;

export class DatagramWalks implements Disposable {
  readonly #options: DatagramWalksOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isAsked = false;
  #hasRemoved = false;
  #isStopped = false;
  #restUntilMs = 0;

  constructor(options: DatagramWalksOptions) {
    this.#options = options;
  }

  /** Called after the kernel has the new backends. A walk follows soon. */
  request(afterMs: number = delayMs): void {
    if (this.#isStopped) return;
    this.#isAsked = true;
    if (this.#timer !== undefined || this.#running !== undefined) return;
    const waitMs = Math.max(afterMs, this.#restUntilMs - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#running = this.#walk().finally(() => {
        this.#running = undefined;
        if (this.#isAsked) this.request();
        else if (this.#hasRemoved) this.request(secondLookMs);
      });
    }, waitMs);
  }

  [Symbol.dispose](): void {
    this.#isStopped = true;
    this.#isAsked = false;
    clearTimeout(this.#timer);
  }

  async #walk(): Promise<void> {
    this.#isAsked = false;
    this.#hasRemoved = false;
    const { judge, destroySockets, log, onError, namespace } = this.#options;
    const began = performance.now();
    try {
      const { removed } = await removeConnections(namespace, judge);
      const sockets = destroySockets();
      this.#hasRemoved = removed.size > 0;
      if (removed.size + sockets > 0) {
        const counts = { ...Object.fromEntries(removed), ...(sockets > 0 && { sockets }) };
        log.info(counts, 'removed UDP flows that led to no backend');
      }
    } catch (error) {
      onError(`stale UDP flows could not be removed: ${errorText(error)}`);
    } finally {
      const endMs = performance.now();
      this.#restUntilMs = endMs + restPerWalk * (endMs - began);
    }
  }
}
