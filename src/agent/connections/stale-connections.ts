// Keeps connection tracking consistent with the rules: decides when to walk the table and what to look for. Restored
// rules, a changed address, or an added or removed host port leave connections with a wrong translation (see
// translation.ts), which their clients keep alive. Connections of a deleted pod would lead from outside to the next
// owner of its address for days.

import type { Entries } from '../../base/collections/collection.ts';
import { mapEach } from '../../base/collections/derived.ts';
import { Reader } from '../../base/collections/mirror.ts';
import { errorText } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { memoizeLast } from '../../base/memoize.ts';
import type { ConntrackEntry } from '../../kernel/netfilter/conntrack-record.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import { type Address, addressFamily } from '../../net/address.ts';
import type { Restored } from '../../reconcile/status.ts';
import { type Exits, isSameExits } from '../host/exits.ts';
import {
  type AppliedTranslation,
  addressesOf,
  besideSource,
  hasPorts,
  isSame,
  movedSince,
  sourcesOf,
  type WalkBasis,
  walkedBy,
} from './applied.ts';
import { hostPortIndex } from './host-port-index.ts';
import { type WalkOptions, type WalkResult, walkConnections } from './walk.ts';

/** Number of exits remembered between two walks, because they may change and change back before the next one. */
const rememberedWays = 8;

export interface StaleConnectionsOptions {
  readonly log: Logger;
  readonly onError: (text: string) => void;
  /** See `TranslationRules`. */
  beganByPod?(entry: ConntrackEntry): boolean | undefined;
  /** Default `walkConnections`. */
  walk?(options: WalkOptions): Promise<WalkResult>;
}

// In a large cluster node addresses change all the time. Walks take at most a twentieth of the time.
const restPerWalk = 20;
// Delay for walks that no one waits for: after a burst, its pods share a walk. A pod that gets one of their addresses
// earlier requests its own walk.
const podsDelayMs = 500;
// After this delay, a packet that was in transit when the rules were written is tracked, and the other end may have
// sent first.
const secondLookMs = 1000;
const looksAtMost = 4;

export class StaleConnections implements Disposable {
  readonly #options: StaleConnectionsOptions;
  #applied: AppliedTranslation | undefined;
  readonly #withPorts = memoizeLast(withPorts);
  readonly #mapped = new Reader<string, LocalEndpoint>();
  #formerSources: ReadonlySet<Address> = new Set();
  #formerEndpoints: ReadonlySet<LocalEndpoint> = new Set();
  /** Addresses of deleted pods that no walk has handled yet, with their last owner. */
  readonly #formerPods = new Map<Address, LocalEndpoint>();
  #walked: WalkBasis = { exempt: [] };
  /** Exits at the last walk and since, the current ones last. */
  #waysOut: readonly Exits[] = [];
  #removed: ReadonlySet<string> = new Set();
  #looks = 0;
  #walking: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerEndsMs = 0;
  #restUntilMs = 0;
  #restored: Restored['was'] | undefined;
  #isStopped = false;

  constructor(options: StaleConnectionsOptions) {
    this.#options = options;
  }

  /**
   * Call this after a settle that left the rules as desired. Walks if something changed that connections depend on:
   * immediately at the start and when rules were restored, otherwise soon.
   */
  settled(applied: AppliedTranslation): void {
    const restored = this.#restored;
    this.#restored = undefined;
    const before = this.#applied;
    this.#applied = applied;
    const isFirst = before === undefined;
    const isMapped = this.#followMapped(applied.endpoints);
    if (before !== undefined) this.#rememberSources(before, applied);
    this.#rememberWays(applied.exits);
    // Without heddle's table nothing was masqueraded. A table with other contents may have had fewer exemptions.
    if (isFirst) this.#walked = walkedBy(applied);
    if (restored === 'changed' || (isFirst && applied.isWritten)) {
      this.#walked = { exempt: [] };
    }
    const isChanged =
      isMapped ||
      !isSame(before?.masquerade, applied.masquerade) ||
      !isSame(before?.hostPortAddresses, applied.hostPortAddresses) ||
      !isSameExits(before?.exits, applied.exits);
    if (isFirst || restored !== undefined) void this.#lookSeveralTimes();
    else if (isChanged) this.#lookLater();
  }

  /** Another process had changed the rules, and they are restored. A settle calls `settled` right after. */
  noticeRestored(was: Restored['was'] = 'changed'): void {
    this.#restored = was;
  }

  /**
   * The endpoint was added or deleted and its entries are written. Resolves when no connection is misdirected by its
   * host ports and, if it was added, no connection of a former pod leads to its addresses.
   */
  async endpointChanged(endpoint: LocalEndpoint, isLive: boolean): Promise<void> {
    if (isLive) {
      const isFormers = endpoint.addresses.some((address) => this.#formerPods.has(address));
      if (hasPorts(endpoint) || isFormers) await this.#look();
      // Whatever the walk found: from now on these connections belong to the new endpoint.
      for (const address of endpoint.addresses) this.#formerPods.delete(address);
      return;
    }
    for (const address of endpoint.addresses) this.#formerPods.set(address, endpoint);
    if (!hasPorts(endpoint)) return this.#lookLater(podsDelayMs);
    this.#formerEndpoints = new Set([...this.#formerEndpoints, endpoint]);
    await this.#look();
  }

  [Symbol.dispose](): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  // Whether there are others now.
  #followMapped(endpoints: Entries<string, LocalEndpoint>): boolean {
    const changes = this.#mapped.read(this.#withPorts(endpoints));
    const gone = changes.flatMap(({ before }) => before ?? []);
    if (gone.length > 0) this.#formerEndpoints = new Set([...this.#formerEndpoints, ...gone]);
    return changes.length > 0;
  }

  // If an address of the node was removed or another one is chosen, packets with the old source get no reply, or reach
  // another host.
  #rememberSources(before: AppliedTranslation, now: AppliedTranslation): void {
    if (before.masquerade === now.masquerade) return;
    const current = sourcesOf(now);
    const former = new Set([...this.#formerSources, ...sourcesOf(before)]);
    for (const address of current) {
      const family = addressFamily(address);
      if ([...sourcesOf(before)].some((each) => addressFamily(each) === family)) continue;
      // Connections masqueraded so far to another address of the same interface.
      for (const each of besideSource(now, address)) former.add(each);
    }
    for (const address of current) former.delete(address);
    this.#formerSources = former;
  }

  async #lookSeveralTimes(): Promise<void> {
    this.#looks = looksAtMost;
    await this.#look();
  }

  #lookLater(delayMs = 0): void {
    const nowMs = performance.now();
    const endsMs = Math.max(nowMs + delayMs, this.#restUntilMs);
    if (this.#timer === undefined || endsMs < this.#timerEndsMs) this.#setTimer(endsMs - nowMs);
  }

  #setTimer(waitMs: number): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    this.#timerEndsMs = performance.now() + waitMs;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#look();
    }, waitMs);
  }

  /** A walk that begins after this call. Callers during a running walk share the next one. */
  #look(): Promise<void> {
    this.#next ??= (this.#walking ?? Promise.resolve()).then(() => {
      this.#next = undefined;
      this.#walking = this.#walk();
      return this.#walking;
    });
    return this.#next;
  }

  async #walk(): Promise<void> {
    if (this.#isStopped) return;
    const { beganByPod, log, onError, walk = walkConnections } = this.#options;
    const [formerSources, formerEndpoints] = [this.#formerSources, this.#formerEndpoints];
    const [walked, applied, ways] = [this.#walked, this.#applied, this.#waysOut];
    const formerPods = new Map(this.#formerPods);
    const hasPorts = this.#mapped.known.size > 0 || formerEndpoints.size > 0;
    // Such a node need not even track connections. Others' rules may: those of Services lead to deleted pods too.
    if (applied?.masquerade === undefined && !hasPorts && formerPods.size === 0) return;
    const began = performance.now();
    try {
      const { removed, tuples, seen } = await walk({
        rules: {
          masquerade: applied?.masquerade,
          hostPorts: hostPortIndex([...this.#mapped.known.values()]),
          hostPortAddresses: applied?.hostPortAddresses,
          formerPorts: hostPortIndex([...formerEndpoints]),
          formerSources,
          exemptBefore: walked.exempt,
          ...movedSince(ways, applied?.exits),
          formerPods: new Set(formerPods.keys()),
          hasPod: (address) => addressesOf(this.#applied?.endpoints.values() ?? []).has(address),
          ...(beganByPod === undefined ? {} : { beganByPod }),
        },
        removedBefore: this.#removed,
      });
      if (this.#formerSources === formerSources) this.#formerSources = new Set();
      if (this.#formerEndpoints === formerEndpoints) this.#formerEndpoints = new Set();
      if (this.#walked === walked && applied !== undefined) this.#walked = walkedBy(applied);
      this.#forgetWaysBefore(ways.at(-1));
      this.#forgetPods(formerPods);
      this.#removed = tuples;
      const text = 'removed connections whose address translation was wrong';
      if (removed.size > 0) log.info({ ...Object.fromEntries(removed), seen }, text);
      this.#lookAgain(removed.size > 0);
    } catch (error) {
      onError(`connections: ${errorText(error)}`);
    } finally {
      const endMs = performance.now();
      this.#restUntilMs = endMs + restPerWalk * (endMs - began);
    }
  }

  #forgetWaysBefore(walked: Exits | undefined): void {
    const at = walked === undefined ? -1 : this.#waysOut.indexOf(walked);
    if (at > 0) this.#waysOut = this.#waysOut.slice(at);
  }

  #rememberWays(exits: Exits | undefined): void {
    const last = this.#waysOut.at(-1);
    if (exits === undefined || isSameExits(last, exits)) return;
    this.#waysOut = [...this.#waysOut, exits].slice(-rememberedWays);
  }

  // Keeps pods that were deleted again meanwhile.
  #forgetPods(looked: ReadonlyMap<Address, LocalEndpoint>): void {
    for (const [address, endpoint] of looked) {
      if (this.#formerPods.get(address) === endpoint) this.#formerPods.delete(address);
    }
  }

  #lookAgain(hasRemoved: boolean): void {
    this.#looks = hasRemoved ? this.#looks - 1 : 0;
    if (this.#looks > 0) this.#setTimer(secondLookMs);
  }
}

function withPorts(endpoints: Entries<string, LocalEndpoint>): Entries<string, LocalEndpoint> {
  return mapEach(endpoints, (endpoint, key) => (hasPorts(endpoint) ? [[key, endpoint]] : []));
}
