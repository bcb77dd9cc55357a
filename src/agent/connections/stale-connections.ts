// Keeps connection tracking in step with the rules: decides when the table is walked, and what a walk looks for. Rules that
// came back, an address that changed, a host port that came or went: each leaves connections behind that are not translated
// as they should be (translation.ts says which), and whose clients keep them alive. A pod that goes leaves its own: they would
// lead from outside to whoever has its address next, for days.

import { changedSpan } from '../../base/changed-span.ts';
import { errorText } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
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

/** Ways out that are remembered between two walks: they may move there and back before the next one. */
const rememberedWays = 8;

export interface StaleConnectionsOptions {
  readonly log: Logger;
  readonly onError: (text: string) => void;
  /** See `TranslationRules`. */
  beganByPod?(entry: ConntrackEntry): boolean | undefined;
  /** `walkConnections` unless given. */
  walk?(options: WalkOptions): Promise<WalkResult>;
}

// In a large cluster addresses of nodes change all the time: at most a twentieth of the time is spent on walks.
const restPerWalk = 20;
// What nobody waits for comes after a burst, whose pods share a walk; who gets one of their addresses earlier has it walked.
const podsDelayMs = 500;
// A packet that was under way when the rules came is tracked by now, and the other end may have sent first.
const secondLookMs = 1000;
const looksAtMost = 4;

export class StaleConnections implements Disposable {
  readonly #options: StaleConnectionsOptions;
  #applied: AppliedTranslation | undefined;
  #mapped: readonly LocalEndpoint[] = [];
  #formerSources: ReadonlySet<Address> = new Set();
  #formerEndpoints: ReadonlySet<LocalEndpoint> = new Set();
  /** Of pods that went and that no walk has looked for yet, with who had it last. */
  readonly #formerPods = new Map<Address, LocalEndpoint>();
  #walked: WalkBasis = { exempt: [] };
  /** What the ways out were at the last walk and since, the present ones last. */
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
   * After a settle that left the rules as they should be. Walks where something changed that connections depend on:
   * immediately at the start and when rules are back, else soon.
   */
  settled(applied: AppliedTranslation): void {
    const restored = this.#restored;
    this.#restored = undefined;
    const before = this.#applied;
    this.#applied = applied;
    const isFirst = before === undefined;
    const isMapped = this.#followMapped(before?.endpoints ?? [], applied.endpoints);
    if (before !== undefined) this.#rememberSources(before, applied);
    this.#rememberWays(applied.exits);
    // Without our table nothing of ours was masqueraded; one with other contents may have exempted less.
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

  /** Another process had changed the rules, and they are back; a settle reports to `settled` right after. */
  noticeRestored(was: Restored['was'] = 'changed'): void {
    this.#restored = was;
  }

  /**
   * It came or went, and what was written for it with it. Resolves when no connection leads elsewhere by its host ports, and,
   * if it came, none of a former pod leads to its addresses.
   */
  async endpointChanged(endpoint: LocalEndpoint, isLive: boolean): Promise<void> {
    if (isLive) {
      const isFormers = endpoint.addresses.some((address) => this.#formerPods.has(address));
      if (hasPorts(endpoint) || isFormers) await this.#look();
      // Whatever the walk said: from now on these are its own connections.
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

  // Whether there are others now. One pod comes or goes, and a thousand stay.
  #followMapped(before: readonly LocalEndpoint[], now: readonly LocalEndpoint[]): boolean {
    const { head, tail } = changedSpan(before, now);
    const came = now.slice(head, now.length - tail).filter(hasPorts);
    const went = before.slice(head, before.length - tail).filter(hasPorts);
    const gone = went.filter((endpoint) => !came.includes(endpoint));
    if (gone.length === 0 && came.length === went.length) return false;
    this.#mapped = now.filter(hasPorts);
    this.#formerEndpoints = new Set([...this.#formerEndpoints, ...gone]);
    return true;
  }

  // With an address of the node's gone or another one chosen, what leaves with the old one is answered no more, or elsewhere.
  #rememberSources(before: AppliedTranslation, now: AppliedTranslation): void {
    if (before.masquerade === now.masquerade) return;
    const current = sourcesOf(now);
    const former = new Set([...this.#formerSources, ...sourcesOf(before)]);
    for (const address of current) {
      const family = addressFamily(address);
      if ([...sourcesOf(before)].some((each) => addressFamily(each) === family)) continue;
      // Masqueraded so far, to an address of the same interface.
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

  /** One that begins after this call; those who ask while one runs share the next. */
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
    const isNothing = this.#mapped.length === 0 && formerEndpoints.size === 0;
    // Such a node need not even track connections.
    if (this.#applied?.masquerade === undefined && isNothing) return this.#forgetPods(formerPods);
    const began = performance.now();
    try {
      const { removed, tuples, seen } = await walk({
        rules: {
          masquerade: applied?.masquerade,
          hostPorts: hostPortIndex(this.#mapped),
          hostPortAddresses: applied?.hostPortAddresses,
          formerPorts: hostPortIndex([...formerEndpoints]),
          formerSources,
          exemptBefore: walked.exempt,
          ...movedSince(ways, applied?.exits),
          formerPods: new Set(formerPods.keys()),
          hasPod: (address) => addressesOf(this.#applied?.endpoints ?? []).has(address),
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
      const text = 'removed connections that were not translated as they should be';
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

  // But for one that went once more meanwhile.
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
