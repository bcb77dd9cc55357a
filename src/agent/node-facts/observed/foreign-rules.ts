// nftables rules of other software on the path of pods' packets, listed again when the rules of the namespace change,
// but never so often that listing takes a noticeable share of a processor.

import type { Nftables } from '../../../kernel/netfilter/nftables.ts';
import { nftTableName, serviceTableName } from '../../../model/ids.ts';
import { type ListedChain, type RuleSet, readChains } from '../rules/rule-set.ts';
import { listTables, type TableListing } from './table-listing.ts';

export type RuleListing = TableListing &
  Pick<Nftables, 'generation' | 'listChains' | 'listChainDevices'>;

// A listing that took 1 ms is not repeated within 0.2 s, one that took 100 ms not within 20 s.
const restShare = 200;
const longestRestMs = 60_000;
// All facts are as old as the last look, one period ago.
const usualAgeMs = 20_000;

/** The rules are not known at the moment, which is no fault. */
export class RulesNotListed extends Error {
  override readonly name = 'RulesNotListed';
}

const hooks: ReadonlySet<string> = new Set([
  'ingress',
  'prerouting',
  'forward',
  'input',
  'output',
  'postrouting',
  'egress',
]);
// Including `route`: only packets that such a chain passes are routed again.
const filters: ReadonlySet<string> = new Set(['filter', 'route']);
const deviceHooks: ReadonlySet<string> = new Set(['ingress', 'egress']);
const families: ReadonlySet<string> = new Set(['ip', 'ip6', 'inet', 'netdev']);
// kube-proxy has thousands of chains and drops only packets to Services without endpoints.
const unasked: ReadonlySet<string> = new Set([nftTableName, serviceTableName, 'kube-proxy']);
const translatingHooks: ReadonlySet<string> = new Set(['prerouting', 'postrouting']);
const translatedFamilies: ReadonlySet<string> = new Set(['ip', 'ip6', 'inet']);
// A NAT table with more chains belongs to a Service proxy, which translates its own addresses and takes long to list.
const mostTranslatingChains = 200;

export class ForeignRules {
  readonly #nft: RuleListing;
  readonly #now: () => number;
  #listed: readonly RuleSet[] = [];
  #generation: number | undefined;
  #listedAt = 0;
  #restUntil = 0;

  /** `now`: monotonic time in ms. */
  constructor(nft: RuleListing, now: () => number = () => performance.now()) {
    this.#nft = nft;
    this.#now = now;
  }

  /**
   * The same array while nothing has changed. Throws RulesNotListed if the rules have changed since a listing that is
   * too old, and are not listed again yet; otherwise KernelError.
   */
  look(): readonly RuleSet[] {
    const began = this.#now();
    const generation = this.#nft.generation();
    if (generation === this.#generation) return this.#listed;
    if (began < this.#restUntil) {
      if (began < this.#listedAt + usualAgeMs) return this.#listed;
      throw new RulesNotListed(
        'nftables rules have changed; they take long to list and are listed again within a minute',
      );
    }
    this.#listed = this.#list();
    this.#generation = generation;
    const ended = this.#now();
    this.#listedAt = ended;
    this.#restUntil = ended + Math.min((ended - began) * restShare, longestRestMs);
    return this.#listed;
  }

  #list(): readonly RuleSet[] {
    const chains = readChains(this.#nft.listChains());
    const sizes = new Map<string, number>();
    for (const chain of chains) sizes.set(keyOf(chain), (sizes.get(keyOf(chain)) ?? 0) + 1);
    const tables = new Map(
      chains
        .filter((chain) => isOfInterest(chain) || mayTranslate(chain, sizes))
        .map((chain) => [keyOf(chain), chain] as const),
    );
    return listTables(this.#nft, [...tables.values()]).map((rules) => this.#withDevices(rules));
  }

  // Adds devices to chains for which the listing omits them.
  #withDevices(rules: RuleSet): RuleSet {
    const lacksDevices = ({ base }: ListedChain): boolean =>
      base !== undefined && deviceHooks.has(base.hook) && base.devices === undefined;
    if (![...rules.chains.values()].some(lacksDevices)) return rules;
    const known = this.#nft.listChainDevices(rules.family);
    const chains = Array.from(rules.chains, ([name, chain]) => {
      const devices = known.get(`${rules.table} ${name}`);
      const { base } = chain;
      if (base === undefined || devices === undefined || !lacksDevices(chain))
        return [name, chain] as const;
      return [name, { ...chain, base: { ...base, devices } }] as const;
    });
    return { ...rules, chains: new Map(chains) };
  }
}

function keyOf({ family, table }: ListedChain): string {
  return `${family} ${table}`;
}

function mayTranslate(chain: ListedChain, sizes: ReadonlyMap<string, number>): boolean {
  const { family, table, base } = chain;
  if (base?.type !== 'nat' || unasked.has(table)) return false;
  if (!translatedFamilies.has(family) || !translatingHooks.has(base.hook)) return false;
  return (sizes.get(keyOf(chain)) ?? 0) <= mostTranslatingChains;
}

function isOfInterest({ family, table, base }: ListedChain): boolean {
  if (base === undefined || !filters.has(base.type) || !families.has(family)) return false;
  return hooks.has(base.hook) && !unasked.has(table);
}
