// What the rules of our nftables table drop, by reason: counters that only grow, although the table's own begin again each
// time it is written.

import { z } from 'zod';
import type { Nftables } from '../../kernel/nftables.ts';
import type { NftRunner } from './nft.ts';
import { loopbackCounter } from './nft-host-ports.ts';
import { nftTableName } from './nft-rules.ts';
import { foreignTunnelCounter } from './nft-tunnel.ts';

export interface NftDrop {
  /** In words. */
  readonly reason: string;
  readonly packets: number;
  readonly bytes: number;
}

/** By the counter's name. */
export const nftDropReasons: Readonly<Record<string, string>> = {
  [foreignTunnelCounter]: 'foreign tunnel packet',
  [loopbackCounter]: 'loopback of the node',
};

type Counts = ReadonlyMap<string, Omit<NftDrop, 'reason'>>;

const none: Omit<NftDrop, 'reason'> = { packets: 0, bytes: 0 };

/** Stands before the library, so that it has the last word of a table that is replaced. */
export class NftDrops implements NftRunner {
  readonly #nft: NftRunner & Pick<Nftables, 'listCounters'>;
  #gone: Counts = new Map();
  #last: Counts = new Map();

  constructor(nft: NftRunner & Pick<Nftables, 'listCounters'>) {
    this.#nft = nft;
  }

  /** Since the agent's start, and of the table that it found; only reasons that occurred. Throws KernelError. */
  byReason(): readonly NftDrop[] {
    this.#read();
    return Object.entries(nftDropReasons).flatMap(([name, reason]) => {
      const counted = sum(this.#gone.get(name), this.#last.get(name));
      return counted.packets === 0 ? [] : [{ reason, ...counted }];
    });
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

  // A counter that is less than before, or not there, is another one: its table was removed by another process.
  #read(): void {
    const now = readCounters(this.#nft.listCounters('inet', nftTableName));
    const isOther = [...this.#last].some(([name, { packets }]) => {
      return (now.get(name)?.packets ?? 0) < packets;
    });
    if (isOther) this.#fold();
    this.#last = now;
  }

  #fold(): void {
    const names = Object.keys(nftDropReasons);
    this.#gone = new Map(
      names.map((name) => [name, sum(this.#gone.get(name), this.#last.get(name))]),
    );
    this.#last = new Map();
  }
}

/** libnftables-json(5), as far as counters go. */
const countersSchema = z.array(
  z.object({
    counter: z.object({ name: z.string(), packets: z.number(), bytes: z.number() }).optional(),
  }),
);

function readCounters(listing: readonly unknown[]): Counts {
  return new Map(
    countersSchema
      .parse(listing)
      .flatMap(({ counter }) =>
        counter === undefined
          ? []
          : [[counter.name, { packets: counter.packets, bytes: counter.bytes }] as const],
      ),
  );
}

function sum(left = none, right = none): Omit<NftDrop, 'reason'> {
  return { packets: left.packets + right.packets, bytes: left.bytes + right.bytes };
}
