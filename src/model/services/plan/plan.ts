// From the compiled Services to the entries of the kernel's tables. A changed Service costs what it has itself. When a node
// has changed, every claimed address is asked for again, which is all that depends on nodes.

import { Bookmark, type Entries, KeyedCollection } from '../../../base/collections/collection.ts';
import type { Address } from '../../../net/address.ts';
import type { Claim } from '../claims.ts';
import type { CompiledService } from '../compiled.ts';
import { frontendsOf } from '../frontend.ts';
import type { ServiceContext } from '../resolve.ts';
import type { ServiceTables } from '../services.ts';
import { BackendLists } from './backend-lists.ts';
import { Choices } from './choices.ts';
import { ClaimedAddresses } from './claimed-addresses.ts';
import type { DesiredServices, FoundServices, PortSourceRanges } from './desired-services.ts';
import {
  frontendEntry,
  hasSourceRanges,
  isSameRanges,
  isSameTexts,
  listsOf,
  otherPortsEntry,
  portText,
  rangesEntry,
} from './entries.ts';
import { addressesAmong, type GrantedPort, grantedTo } from './granted.ts';
import { PlannedFrontends } from './planned-frontends.ts';
import { PortNumbers } from './port-numbers.ts';
import { SlotAccount } from './slot-account.ts';
import type { SlotLimits } from './slot-budget.ts';

export interface ServicePlanOptions {
  /** What the kernel's tables hold at the start. */
  readonly found: FoundServices;
  /** Whether a frontend in the kernel refers to the list: then its backends are kept. */
  readonly isInKernel: (list: number) => boolean;
  /** Monotonic time in ms. */
  readonly now: () => number;
  /** How long the backends of a list stay after its last use. */
  readonly lingerMs?: number | undefined;
  /** The highest number of a backend: below those of `serviceMarks`. */
  readonly mostBackends?: number | undefined;
  /** Absent: slots without end. */
  readonly slotLimits?: SlotLimits | undefined;
  /** Maximum number of lookup tables. */
  readonly mostLookups?: number | undefined;
}

/** What a Service had when it was planned last. */
interface Planned {
  /** Of its frontends. */
  readonly keys: readonly string[];
  readonly addresses: readonly Address[];
  /** Of its ports, by name. */
  readonly numbers: readonly (readonly [port: string, number: number])[];
}

const keepsEarlier = 'those of before are used';

const nothing: Planned = { keys: [], addresses: [], numbers: [] };

export class ServicePlan {
  readonly #lists: BackendLists;
  readonly #numbers: PortNumbers;
  readonly #addresses = new ClaimedAddresses();
  readonly #frontends: PlannedFrontends;
  readonly #ranges = new KeyedCollection<string, PortSourceRanges>({ equal: isSameRanges });
  readonly #problems = new KeyedCollection<string, readonly string[]>({ equal: isSameTexts });
  readonly #planned = new Map<string, Planned>();
  readonly #compiled = new Bookmark<string, CompiledService>();
  readonly #owners = new Bookmark<string, Claim>();
  /** Services to be planned, including those that threw. */
  readonly #open = new Set<string>();
  readonly #slots: SlotAccount;
  /** Services for whose backends there were no numbers or slots. */
  readonly #starved = new Set<string>();
  #freeWhenStarved = 0;
  /** Addresses of this node, and the Services whose source ranges may have them. */
  #own: readonly Address[] = [];
  readonly #limited = new Set<string>();

  constructor(options: ServicePlanOptions) {
    const { found, isInKernel, now, lingerMs = 60_000, mostBackends = 0xffffd } = options;
    this.#lists = new BackendLists({
      ...{ lists: found.lists, isInKernel, now, lingerMs, mostBackends },
    });
    const { slotLimits, mostLookups = 256 } = options;
    this.#frontends = new PlannedFrontends({ lists: this.#lists, mostLookups });
    this.#slots = new SlotAccount(this.#frontends.entries, {
      limits: slotLimits,
      earlier: found.counts,
    });
    this.#numbers = new PortNumbers(found.portNumbers);
  }

  /** As in `DesiredServices`, after the last `follow`. */
  get problems(): Entries<string, readonly string[]> {
    return this.#problems;
  }

  /** Of a Service whose backends the table of slots has no room for; undefined: there is none. */
  get fullProblem(): string | undefined {
    return this.#slots.fullProblem;
  }

  /** The same collections each time, which change only here. */
  follow(
    tables: ServiceTables,
    { taken, nodePortAddresses = [] }: Pick<ServiceContext, 'taken'> & Partial<ServiceContext>,
  ): DesiredServices {
    this.#openChanged(tables);
    if (!isSameTexts(nodePortAddresses, this.#own)) {
      this.#own = nodePortAddresses;
      for (const name of this.#limited) this.#open.add(name);
    }
    for (const name of this.#addresses.judgeBy(taken)) this.#open.add(name);
    if (this.#slots.isFrozen) this.#replanEarlier(tables);
    if (this.#lists.freeBackends > this.#freeWhenStarved) this.#openStarved();
    this.#replanOpen(tables);
    if (this.#slots.hasReleased()) this.#openStarved();
    this.#replanOpen(tables);
    this.#freeWhenStarved = this.#lists.freeBackends;
    this.#lists.expire();
    return {
      frontends: this.#frontends.entries,
      lookups: this.#frontends.lookups,
      lists: this.#lists.entries,
      sourceRanges: this.#ranges,
      backends: this.#lists.backends,
      problems: this.#problems,
    };
  }

  // Services that an earlier agent served come first, and none of them gets more than it had, until all have been planned.
  #replanEarlier(tables: ServiceTables): void {
    for (const name of this.#open) {
      if (!this.#slots.isEarlier(tables.compiled.get(name))) continue;
      this.#replan(name, tables);
      if (!this.#starved.has(name)) this.#open.delete(name);
    }
    this.#slots.unfreeze();
  }

  #openStarved(): void {
    for (const name of this.#starved) this.#open.add(name);
  }

  #replanOpen(tables: ServiceTables): void {
    for (const name of this.#open) {
      this.#replan(name, tables);
      this.#open.delete(name);
    }
  }

  #openChanged({ compiled, owners }: ServiceTables): void {
    const open = this.#open;
    this.#compiled.read(
      compiled,
      () => this.#planned.keys(),
      (changes) => {
        for (const { key } of changes) open.add(key);
      },
    );
    // Of a key that is gone without trace, the Service that claimed it is changed itself.
    this.#owners.read(
      owners,
      () => this.#addresses.keys(),
      (changes) => {
        for (const change of changes) {
          if (change.kind !== 'deleted') open.add(change.value.service);
          const holder = this.#frontends.get(change.key)?.service;
          if (holder !== undefined) open.add(holder);
          for (const claimant of this.#addresses.claimants(change.key)) open.add(claimant);
        }
      },
    );
  }

  #replan(name: string, tables: ServiceTables): void {
    this.#starved.delete(name);
    this.#slots.begin(name);
    this.#limited.delete(name);
    const compiled = tables.compiled.get(name);
    const before = this.#planned.get(name) ?? nothing;
    const after = compiled === undefined ? nothing : this.#plan(name, compiled, { tables, before });
    const { keys, numbers, addresses } = after;
    for (const address of before.addresses)
      if (!addresses.includes(address)) this.#addresses.withdraw(address, name);
    this.#removeFrontends(name, before.keys, new Set(keys));
    const kept = new Set(numbers.map(([, number]) => number));
    for (const [, number] of before.numbers) if (!kept.has(number)) this.#free(number);
    this.#slots.settle(name, keys);
    if (compiled === undefined) this.#forget(name);
    else this.#planned.set(name, after);
  }

  #plan(
    name: string,
    compiled: CompiledService,
    { tables, before }: { readonly tables: ServiceTables; readonly before: Planned },
  ): Planned {
    const claimed = frontendsOf(compiled.service);
    const addresses = addressesAmong(compiled.service, claimed);
    for (const address of addresses) this.#addresses.claim(address, name);
    const taken = this.#addresses.flawOf;
    const granted = grantedTo(compiled, claimed, { owners: tables.owners, taken });
    const known = new Map(before.numbers);
    const numbers = new Map<string, number>();
    const ranges = new Map<number, PortSourceRanges | undefined>();
    const problems: string[] = [];
    for (const port of granted.ports) {
      const number =
        numbers.get(port.name) ??
        known.get(port.name) ??
        this.#numbers.take([...port.frontends.keys()]);
      numbers.set(port.name, number);
      const isLimited = [...port.frontends.values()].some((each) =>
        hasSourceRanges(each, compiled),
      );
      if (isLimited) this.#limited.add(name);
      const own = isLimited ? rangesEntry(number, port.port, compiled, this.#own) : undefined;
      ranges.set(number, own ?? ranges.get(number));
      problems.push(...this.#setPort(port, { service: name, number, of: compiled }));
    }
    for (const [number, entry] of ranges) {
      if (entry === undefined) this.#ranges.delete(String(number));
      else this.#ranges.set(String(number), entry);
    }
    for (const address of granted.addresses)
      this.#frontends.put(address, otherPortsEntry(name, address));
    this.#report(name, problems);
    const keys = granted.ports.flatMap(({ frontends }) => [...frontends.keys()]);
    return { keys: [...keys, ...granted.addresses], numbers: [...numbers], addresses };
  }

  /** Returns problems. */
  #setPort(
    { port, frontends }: GrantedPort,
    of: { readonly service: string; readonly number: number; readonly of: CompiledService },
  ): readonly string[] {
    const { service } = of;
    const { budget, isFrozen } = this.#slots;
    const now = this.#slots.countsAt(service, frontends.keys());
    using choices = new Choices({
      ...{ lists: this.#lists, budget, isFrozen, service, policies: of.of.service, now },
    });
    const text = portText(of.of, port);
    const starved = new Set<string>();
    const isMaglev = of.of.service.selection === 'maglev';
    const flaws = new Set<string>();
    for (const [key, frontend] of frontends) {
      const chosen = choices.at(frontend, port);
      const before = this.#frontends.get(key);
      const isKept = chosen === undefined && before?.service === service;
      if (chosen === undefined)
        starved.add(isKept && listsOf(before).length > 0 ? keepsEarlier : 'clients are refused');
      const flaw = isMaglev ? this.#frontends.lookupFlaw(key, service, chosen) : undefined;
      if (flaw !== undefined) flaws.add(flaw);
      const isConsistent = isMaglev && flaw === undefined;
      if (!isKept)
        this.#frontends.put(key, frontendEntry(frontend, { ...of, isConsistent }, chosen));
    }
    if (starved.size > 0 || choices.isCut || flaws.size > 0) this.#starved.add(service);
    const problems = choices.problems.map((each) => ({
      ...each,
      text: `${text}: ${[each.text, ...(each.isStarved ? starved : [])].join(', ')}`,
    }));
    this.#slots.note(service, problems);
    const consistency = Array.from(flaws, (flaw) => `${text}: ${flaw}, backends are random`);
    return [...problems.map((each) => each.text), ...consistency];
  }

  #report(name: string, problems: readonly string[]): void {
    if (problems.length === 0) this.#problems.delete(name);
    else this.#problems.set(name, problems);
  }

  #removeFrontends(name: string, before: readonly string[], keys: ReadonlySet<string>): void {
    for (const key of before) {
      const entry = this.#frontends.get(key);
      // It may be another Service's by now.
      if (keys.has(key) || entry?.service !== name) continue;
      this.#frontends.remove(key);
    }
  }

  #free(number: number): void {
    this.#ranges.delete(String(number));
    this.#numbers.release(number);
  }

  #forget(name: string): void {
    this.#planned.delete(name);
    this.#problems.delete(name);
  }
}
