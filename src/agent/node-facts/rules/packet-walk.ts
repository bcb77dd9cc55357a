// Walks a described packet through a foreign base chain: does it pass, and if not, which rule drops it?

import type { XtablesExpression } from '../../../kernel/netfilter/nft-xtables.ts';
import type { MatchResult, Packet } from './packet.ts';
import { afterWriting, eitherOf, writingOf } from './rewriting.ts';
import { matchesPacket } from './rule-match.ts';
import {
  type Expression,
  elementOf,
  type ListedChain,
  mostRules,
  type RuleSet,
  record,
} from './rule-set.ts';
import { ruleText } from './rule-text.ts';
import { translationOf } from './translation-text.ts';

export interface WalkOutcome {
  /** `may drop`: a rule that cannot be evaluated may drop it, and no other rule does. */
  readonly kind: 'passes' | 'drops' | 'may drop';
  /** Position of the drop: `rule 3` of the chain, or `policy`. */
  readonly chain: string;
  readonly by: string;
  /** The rule that may drop it, as text. */
  readonly rule?: string;
  /** Whether an earlier rule that cannot be evaluated may have accepted it. */
  readonly isUnsure: boolean;
  /** Set if the packet was excluded from connection tracking or put into a zone. */
  readonly tracking?: { readonly chain: string; readonly what: string };
  /** Set if a rule that certainly applies translates it, such as `snat to 192.0.2.1`. */
  readonly translation?: PacketChange;
  /** Changes by rules that certainly apply, such as `ip daddr set 192.0.2.1`. */
  readonly rewritings: readonly Rewriting[];
  /** The packet after the chain. */
  readonly packet: Packet;
}

export interface PacketChange {
  readonly chain: string;
  readonly by: string;
  readonly what: string;
}

export interface Rewriting extends PacketChange {
  /** Names as in written-fields.ts. */
  readonly fields: readonly string[];
}

type Verdict =
  | 'accept'
  | 'drop'
  | 'return'
  | 'continue'
  | 'unsure'
  | { readonly jump: string; readonly isGoto: boolean };

// Deeper than any real rule set; the kernel refuses loops and more than 16 levels.
const mostJumps = 16;
// For one packet in one chain: with chains that jump to each other several times, there are more paths than can be
// followed.
const mostSteps = 20 * mostRules;

/** `base` is one of the set's chains. */
export function walk(rules: RuleSet, base: ListedChain, packet: Packet): WalkOutcome {
  const walker = new Walker(rules, packet);
  const end = walker.run(base, 0);
  const { isUnsure, tracking, translation, mayDrop, rewritings } = walker;
  const common = {
    ...{ isUnsure, rewritings, packet: walker.packet },
    ...(tracking === undefined ? {} : { tracking }),
    ...(translation === undefined ? {} : { translation }),
  };
  if (end?.verdict === 'drop') return { kind: 'drops', chain: end.chain, by: end.by, ...common };
  if (end === undefined && base.base?.policy === 'drop') {
    return { kind: 'drops', chain: base.name, by: 'policy drop', ...common };
  }
  if (mayDrop !== undefined) return { kind: 'may drop', ...mayDrop, ...common };
  return { kind: 'passes', chain: base.name, by: '', ...common };
}

type Place = Required<Pick<WalkOutcome, 'chain' | 'by' | 'rule'>>;

interface End {
  readonly verdict: 'accept' | 'drop';
  readonly chain: string;
  readonly by: string;
}

class Walker {
  readonly #rules: RuleSet;
  packet: Packet;
  isUnsure = false;
  /** The first rule that may drop it. */
  mayDrop: Place | undefined;
  tracking: WalkOutcome['tracking'];
  translation: WalkOutcome['translation'];
  readonly rewritings: Rewriting[] = [];
  /** Shared by all jumps of one walk. */
  readonly #steps: { left: number };

  constructor(rules: RuleSet, packet: Packet, steps = { left: mostSteps }) {
    this.#rules = rules;
    this.packet = packet;
    this.#steps = steps;
  }

  /** Undefined: the packet reaches the end of the chain. */
  run(chain: ListedChain, depth: number): End | undefined {
    for (const [index, rule] of chain.rules.entries()) {
      if (this.#isWalkedOut()) return undefined;
      const by = `rule ${index + 1}`;
      const answer = this.#take(rule, { chain: chain.name, by });
      if (answer === 'no') continue;
      const [verdict, ...others] = verdictsOf(rule, this.packet);
      if (answer === 'unsure' || verdict === undefined || others.length > 0) {
        this.#weigh([verdict ?? 'continue', ...others], placeOf(rule, { chain, index }), depth);
        continue;
      }
      this.#noteTracking(rule, chain.name);
      if (this.#translates(rule, { chain: chain.name, by })) {
        return { verdict: 'accept', chain: chain.name, by };
      }
      if (verdict === 'accept' || verdict === 'drop') return { verdict, chain: chain.name, by };
      if (verdict === 'return') return undefined;
      if (verdict === 'unsure') this.isUnsure = true;
      if (typeof verdict !== 'object') continue;
      const end = this.#follow(verdict.jump, depth);
      if (end !== undefined || verdict.isGoto) return end;
    }
    return undefined;
  }

  #isWalkedOut(): boolean {
    if (this.#steps.left-- > 0) return false;
    this.isUnsure = true;
    return true;
  }

  // Statements are evaluated in order: later matches see what earlier statements wrote, which stays even if a match
  // fails.
  #take(rule: readonly Expression[], place: Pick<End, 'chain' | 'by'>): MatchResult {
    let isSure = true;
    for (const statement of rule) {
      const writing = writingOf(statement, this.packet);
      const answer = writing?.answer ?? statementAnswer(statement, this.packet);
      if (answer === 'no') return 'no';
      if (answer === 'unsure') isSure = false;
      if (writing === undefined) continue;
      const isCertain = isSure && !this.isUnsure;
      this.packet = afterWriting(this.packet, writing, isCertain);
      const { what, values } = writing;
      if (!isCertain || what === undefined) continue;
      this.rewritings.push({ ...place, what, fields: [...values.keys()] });
    }
    return isSure ? 'yes' : 'unsure';
  }

  #follow(name: string, depth: number): End | undefined {
    const chain = this.#rules.chains.get(name);
    return chain === undefined || depth >= mostJumps ? undefined : this.run(chain, depth + 1);
  }

  // The possible results if it is unknown whether the rule applies, or which of its verdicts.
  #weigh(verdicts: readonly Verdict[], place: () => Place, depth: number): void {
    for (const verdict of verdicts) {
      if (verdict === 'drop') this.mayDrop ??= place();
      else if (typeof verdict !== 'object') this.isUnsure ||= verdict !== 'continue';
      else this.#weighJump(verdict, place, depth);
    }
  }

  #weighJump({ jump, isGoto }: Exclude<Verdict, string>, place: () => Place, depth: number): void {
    const inside = new Walker(this.#rules, this.packet, this.#steps);
    const end = inside.#follow(jump, depth);
    this.packet = eitherOf(this.packet, inside.packet);
    if (end?.verdict === 'accept' || inside.isUnsure || isGoto) this.isUnsure = true;
    if (end?.verdict === 'drop' || inside.mayDrop !== undefined) this.mayDrop ??= place();
  }

  #noteTracking(rule: readonly Expression[], chain: string): void {
    const what = rule.map(trackingOf).find((found) => found !== undefined);
    if (what !== undefined) this.tracking ??= { chain, what };
  }

  #translates(rule: readonly Expression[], place: Pick<End, 'chain' | 'by'>): boolean {
    const [what] = rule.flatMap((each) => translationOf(each, this.#rules.family) ?? []);
    if (what !== undefined && !this.isUnsure) this.translation ??= { ...place, what };
    return what !== undefined;
  }
}

function placeOf(
  rule: readonly Expression[],
  { chain, index }: { readonly chain: ListedChain; readonly index: number },
): () => Place {
  return () => ({ chain: chain.name, by: `rule ${index + 1}`, rule: ruleText(rule) });
}

function statementAnswer(statement: Expression, packet: Packet): MatchResult {
  const isTarget = (statement['xt'] as XtablesExpression | undefined)?.kind === 'target';
  return isTarget ? 'yes' : matchesPacket(statement, packet);
}

/** One verdict, or all verdicts of a map whose key is unknown. */
function verdictsOf(rule: readonly Expression[], packet: Packet): readonly Verdict[] {
  for (const expression of rule) {
    if ('vmap' in expression) return mapVerdicts(record(expression['vmap']) ?? {}, packet);
    const verdict = statementVerdict(expression);
    if (verdict !== 'continue') return [verdict];
  }
  return ['continue'];
}

function statementVerdict(statement: Expression): Verdict {
  if ('accept' in statement) return 'accept';
  if ('drop' in statement || 'reject' in statement) return 'drop';
  if ('return' in statement) return 'return';
  for (const key of ['jump', 'goto'] as const) {
    const target = record(statement[key])?.['target'];
    if (typeof target === 'string') return { jump: target, isGoto: key === 'goto' };
  }
  // The packet goes to another interface and skips all later hooks.
  if ('fwd' in statement || isForOthers(statement)) return 'drop';
  if (['queue', 'tproxy', 'synproxy'].some((key) => key in statement)) return 'unsure';
  const xt = statement['xt'] as XtablesExpression | undefined;
  return xt?.kind === 'target' ? targetVerdict(xt.name) : 'continue';
}

// `meta pkttype set other`: the kernel forwards only packets for this host.
function isForOthers(statement: Expression): boolean {
  const { key, value } = record(statement['mangle']) ?? {};
  if (record(record(key)?.['meta'])?.['key'] !== 'pkttype') return false;
  return typeof value === 'string' && value !== 'host' && value !== 'unicast';
}

function targetVerdict(name: string): Verdict {
  if (name === 'REJECT' || name === 'DROP') return 'drop';
  return name === 'NFQUEUE' || name === 'TPROXY' ? 'unsure' : 'continue';
}

// `iifname vmap { "eth0" : jump outside, "lo" : accept }`
function mapVerdicts({ key, data }: Expression, packet: Packet): readonly Verdict[] {
  const set = record(data)?.['set'];
  // A map that was not read may have any verdict.
  if (!Array.isArray(set)) return ['drop', 'unsure'];
  const possible: Verdict[] = [];
  for (const element of set) {
    if (!Array.isArray(element)) continue;
    const [value, verdict] = element as readonly unknown[];
    const answer = matchesPacket(
      { match: { op: '==', left: key, right: elementOf(value) } },
      packet,
    );
    if (answer === 'no') continue;
    possible.push(statementVerdict(record(verdict) ?? {}));
    if (answer === 'yes') return possible;
  }
  return [...possible, 'continue'];
}

// NF_CT_NOTRACK of struct xt_ct_target_info: flags, then the zone.
function trackingOf(statement: Expression): string | undefined {
  if ('notrack' in statement) return 'takes them out of connection tracking';
  const key = record(record(record(statement['mangle'])?.['key'])?.['ct'])?.['key'];
  if (key === 'zone') return 'puts them into a zone of connection tracking';
  const xt = statement['xt'] as XtablesExpression | undefined;
  if (xt?.kind !== 'target') return undefined;
  if (xt.name === 'NOTRACK') return 'takes them out of connection tracking';
  if (xt.name !== 'CT' || xt.info.length < 4) return undefined;
  if ((xt.info.readUInt16LE(0) & 1) !== 0) return 'takes them out of connection tracking';
  const zone = xt.info.readUInt16LE(2);
  return zone === 0 ? undefined : 'puts them into a zone of connection tracking';
}
