// One of heddle's nftables tables in the kernel, one entry for each object that can be written alone. A settle's
// difference is one transaction of exactly these entries. An unexplained state is repaired as a whole: the table is
// replaced.

import { memoize } from '../../base/memoize.ts';
import { isKernelError, KernelError } from '../../kernel/errno.ts';
import type { Nftables } from '../../kernel/netfilter/nftables.ts';
import { nftTableName } from '../../model/ids.ts';
import type { TableChange, TransactedTable } from '../../reconcile/table.ts';
import { isSameNftEntry, type NftChain, type NftEntry, nftEntryKey } from './entries.ts';
import { keptElements, leftEntries } from './kept.ts';
import { type NftListing, readTable, writtenMark } from './listing.ts';
import { changeCommands, type NftChange, tableBody } from './transaction.ts';

/** The part of Nftables that a table needs. */
export type NftRunner = Pick<
  Nftables,
  'apply' | 'replaceTable' | 'listTable' | 'deleteTable' | 'ruleBytes'
>;

export interface NftTableNames {
  /** For people and logs. */
  readonly name: string;
  /** In the kernel, of family `inet`. */
  readonly table: string;
}

/**
 * A chain is correct if its place, number of rules and fingerprint are correct, and if it still reads as it did right
 * after it was written. A counter in the table has the hash of that text in its name, also for later processes.
 */
export function nftTable(
  runner: NftRunner,
  { name, table }: NftTableNames = { name: 'nft', table: nftTableName },
): TransactedTable<NftEntry> {
  const writer = new TableWriter(runner, table);
  return {
    name,
    whole: writer.key,
    key: nftEntryKey,
    equal: isSameNftEntry,
    list: () => writer.list(),
    transact: (change) => writer.write(change),
  };
}

type Entries = ReadonlyMap<string, NftEntry>;

interface Listed {
  readonly entries: Entries;
  readonly marks: readonly string[];
}

const nothing: Listed = { entries: new Map(), marks: [] };

class TableWriter {
  /** With its family. */
  readonly key: string;
  readonly #runner: NftRunner;
  readonly #table: string;
  // Every write causes another listing, so the result of one listing stays valid.
  readonly #read: (listing: readonly unknown[]) => Listed;
  /** The listing of #present and #marks, until something is written. */
  #listed: Listed | undefined;
  /** The kernel's state, as far as this process knows. */
  #present = new Map<string, NftEntry>();
  /** Counters in the kernel that are marks. */
  #marks: readonly string[] = [];
  /** Rules as they were last listed or written; undefined: unknown. */
  #rules: Buffer | undefined;
  /** Hash of each chain as libnftables lists it, by the chain's name and content. */
  readonly #hashes = new Map<string, string>();

  constructor(runner: NftRunner, table: string) {
    this.#runner = runner;
    this.#table = table;
    this.key = `inet ${table}`;
    this.#read = memoize((listing) => this.#judge(readTable(table, listing)));
  }

  list(): Entries {
    // Read first, so that rules that change meanwhile differ from these.
    this.#rules = this.#ruleBytes();
    const listing = this.#listing();
    const listed = listing === undefined ? nothing : this.#read(listing);
    if (listed !== this.#listed) {
      this.#listed = listed;
      this.#present = new Map(listed.entries);
      this.#marks = listed.marks;
    }
    return listed.entries;
  }

  /** See `TransactedTable.transact`. */
  write({ set, remove, desired }: TableChange<NftEntry>): boolean {
    this.#listed = undefined;
    if (!desired.has(this.key)) {
      this.#runner.deleteTable('inet', this.#table);
      this.#present.clear();
      this.#marks = [];
      this.#rules = undefined;
      return false;
    }
    const change = { table: this.key, set, remove, desired, present: this.#present };
    const commands = this.#isAsLeft() ? changeCommands(change) : undefined;
    const isInPieces = commands !== undefined && this.#isApplied(commands);
    const hasChangedOthers = !isInPieces && this.#replace(change);
    if (isInPieces) {
      for (const entry of remove) this.#present.delete(nftEntryKey(entry));
      for (const entry of set) this.#present.set(nftEntryKey(entry), entry);
      if ([...set, ...remove].every(({ kind }) => kind === 'element')) return false;
    }
    this.#mark();
    this.#rules = this.#ruleBytes();
    return hasChangedOthers;
  }

  // Returns whether there are other entries, which it may not keep as they are.
  #replace(change: NftChange): boolean {
    const hasOthers = leftEntries(change).length > 0;
    const entries = [...change.desired.values(), ...keptElements(change)];
    this.#runner.replaceTable('inet', this.#table, tableBody(entries));
    this.#present = new Map(entries.map((entry) => [nftEntryKey(entry), entry]));
    this.#marks = [];
    return hasOthers;
  }

  #judge(listing: NftListing): Listed {
    const isMarked = listing.marks.includes(writtenMark(listing.chainHashes));
    const chains = listing.entries.filter((entry) => entry.kind === 'chain');
    if (isMarked) for (const chain of chains) this.#learn(chain, listing);
    const entries = listing.entries.map((entry) => {
      const isChanged = entry.kind === 'chain' && !this.#isKnown(entry, listing);
      return isChanged ? { ...entry, content: `${entry.content}, changed` } : entry;
    });
    const { marks } = listing;
    return { entries: new Map(entries.map((entry) => [nftEntryKey(entry), entry])), marks };
  }

  // Another process may have changed rules since, and its change would be taken for ours. If the rules cannot be read,
  // the next listing decides.
  #isAsLeft(): boolean {
    if (this.#rules === undefined) return false;
    return this.#ruleBytes()?.equals(this.#rules) ?? true;
  }

  // After a refusal the state differs from what this process knows: a replacement needs no knowledge.
  #isApplied(commands: readonly string[]): boolean {
    try {
      if (commands.length > 0) this.#runner.apply(commands.join('\n'));
      return true;
    } catch (error) {
      if (error instanceof KernelError) return false;
      throw error;
    }
  }

  // Records how the chains read now; they are listed unless their text is known from earlier.
  #mark(): void {
    const mark = writtenMark(this.#knownHashes() ?? this.#listedHashes());
    if (this.#marks.length === 1 && this.#marks[0] === mark) return;
    const commands = [
      ...this.#marks.map((old) => `delete counter ${this.key} ${old}`),
      `add counter ${this.key} ${mark}`,
    ];
    this.#runner.apply(commands.join('\n'));
    this.#marks = [mark];
  }

  #knownHashes(): ReadonlyMap<string, string> | undefined {
    const known = new Map<string, string>();
    for (const entry of this.#present.values()) {
      if (entry.kind !== 'chain') continue;
      const hash = this.#hashes.get(textKey(entry));
      if (hash === undefined) return undefined;
      known.set(entry.name, hash);
    }
    return known;
  }

  #listedHashes(): ReadonlyMap<string, string> {
    const listing = readTable(this.#table, this.#listing() ?? []);
    for (const entry of listing.entries) {
      const own = this.#present.get(nftEntryKey(entry));
      const isOwn = entry.kind === 'chain' && own !== undefined && isSameNftEntry(entry, own);
      if (isOwn) this.#learn(entry, listing);
    }
    return listing.chainHashes;
  }

  #learn(chain: NftChain, { chainHashes }: NftListing): void {
    const hash = chainHashes.get(chain.name);
    if (hash !== undefined) this.#hashes.set(textKey(chain), hash);
  }

  #isKnown(chain: NftChain, { chainHashes }: NftListing): boolean {
    return this.#hashes.get(textKey(chain)) === chainHashes.get(chain.name);
  }

  #listing(): readonly unknown[] | undefined {
    try {
      return this.#runner.listTable('inet', this.#table, { stateless: true });
    } catch (error) {
      // libnftables 1.0.6 writes uninitialised memory as a table's flags. Our table has none.
      if (isKernelError(error, 'EBADMSG')) return [];
      throw error;
    }
  }

  #ruleBytes(): Buffer | undefined {
    try {
      return this.#runner.ruleBytes(this.#table);
    } catch (error) {
      if (error instanceof KernelError) return undefined;
      throw error;
    }
  }
}

function textKey({ name, content }: NftChain): string {
  return `${name} ${content}`;
}
