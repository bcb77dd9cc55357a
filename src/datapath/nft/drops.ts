// Drops by the rules of our nftables table, by reason: counters that only grow, although a deleted or replaced counter
// starts at 0.

import { KernelError } from '../../kernel/errno.ts';
import type { NftCounter } from '../../kernel/netfilter/nft-counters.ts';
import { loopbackCounter } from './host-ports.ts';
import { localSourceCounter } from './local-sources.ts';
import { untranslatedCounter } from './masquerade.ts';
import { serviceCounters } from './services.ts';
import type { NftRunner } from './table.ts';
import { pathMtuCounter, straySegmentCounter } from './translated.ts';
import { foreignTunnelCounter } from './tunnel.ts';
import { tunnelErrorCounter } from './tunnel-errors.ts';

export interface NftDrop {
  /** The reason as text. */
  readonly reason: string;
  readonly packets: number;
  readonly bytes: number;
}

/** By the counter's name. */
export const nftDropReasons: Readonly<Record<string, string>> = {
  [foreignTunnelCounter]: 'foreign tunnel packet',
  [tunnelErrorCounter]: 'forged error about a tunnel',
  [loopbackCounter]: 'loopback of the node',
  [localSourceCounter]: 'spoofed by a local process',
  [untranslatedCounter]: 'cannot be translated',
  [pathMtuCounter]: 'speaks for the node',
  [straySegmentCounter]: 'segment outside its connection',
  [serviceCounters.refused]: 'no backend',
  [serviceCounters.silent]: 'no backend here',
  [serviceCounters.unchosen]: 'unknown connection',
};

type Counts = ReadonlyMap<string, NftCounter>;

const none: NftCounter = { packets: 0, bytes: 0 };

/** Wraps the library, so that it reads the last counts of a table before it is replaced. */
export class NftDrops implements NftRunner {
  readonly #nft: NftRunner;
  readonly #counters: () => Counts;
  #gone: Counts = new Map();
  #last: Counts = new Map();

  /** `counters`: reads the current counters of our table. */
  constructor(nft: NftRunner, counters: () => Counts) {
    this.#nft = nft;
    this.#counters = counters;
  }

  /** Since the agent's start, including the counts of the table that it found; only reasons that occurred. */
  byReason(): readonly NftDrop[] {
    this.#read();
    return Object.entries(nftDropReasons).flatMap(([name, reason]) => {
      const counted = sum(this.#gone.get(name), this.#last.get(name));
      return counted.packets === 0 ? [] : [{ reason, ...counted }];
    });
  }

  apply(...args: Parameters<NftRunner['apply']>): void {
    // A counter may be among the deleted objects.
    this.#read();
    this.#nft.apply(...args);
  }

  replaceTable(...args: Parameters<NftRunner['replaceTable']>): void {
    this.#read();
    this.#nft.replaceTable(...args);
    this.#fold();
  }

  deleteTable(...args: Parameters<NftRunner['deleteTable']>): boolean {
    this.#read();
    const wasThere = this.#nft.deleteTable(...args);
    this.#fold();
    return wasThere;
  }

  listTable(...args: Parameters<NftRunner['listTable']>): ReturnType<NftRunner['listTable']> {
    return this.#nft.listTable(...args);
  }

  ruleBytes(...args: Parameters<NftRunner['ruleBytes']>): Buffer {
    return this.#nft.ruleBytes(...args);
  }

  // A counter that is lower than before, or missing, is a new one: it was deleted, or another process removed its
  // table. If the counters cannot be read, the last counts stay.
  #read(): void {
    const now = this.#asked();
    if (now === undefined) return;
    this.#fold((name, { packets }) => (now.get(name)?.packets ?? 0) < packets);
    this.#last = now;
  }

  #asked(): Counts | undefined {
    try {
      return this.#counters();
    } catch (error) {
      if (error instanceof KernelError) return undefined;
      throw error;
    }
  }

  #fold(isGone: (name: string, last: NftCounter) => boolean = () => true): void {
    const gone = [...this.#last].filter(
      ([name, last]) => name in nftDropReasons && isGone(name, last),
    );
    this.#gone = new Map([
      ...this.#gone,
      ...gone.map(([name, last]) => [name, sum(this.#gone.get(name), last)] as const),
    ]);
    this.#last = new Map();
  }
}

function sum(left = none, right = none): NftCounter {
  return { packets: left.packets + right.packets, bytes: left.bytes + right.bytes };
}
