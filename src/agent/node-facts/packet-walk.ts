// Walks a packet that is described, not sent, through a base chain of others: does it pass, and if not, where does it end?

import type { XtablesExpression } from '../../kernel/nft-xtables.ts';
import type { Answer, Packet } from './packet.ts';
import { fieldOf, matches } from './rule-match.ts';
import { type Chain, type Expression, type RuleSet, record } from './rule-set.ts';

export interface WalkOutcome {
  readonly kind: 'passes' | 'drops';
  /** Where it is dropped: `rule 3` of the chain named, or `policy`. */
  readonly chain: string;
  readonly by: string;
  /** A rule before that may have let it pass: what it asks for is not known here. */
  readonly isUnsure: boolean;
  /** On the way it was taken out of connection tracking, or put into a zone of it. */
  readonly tracking?: { readonly chain: string; readonly what: string };
}

type Verdict =
  | 'accept'
  | 'drop'
  | 'return'
  | 'continue'
  | 'unsure'
  | { readonly jump: string; readonly isGoto: boolean };

// More than any rule set has in depth; the kernel itself refuses loops and more than 16.
const mostJumps = 16;

/** `base` is one of the set's chains. Rules whose match is not known count as not matching. */
export function walk(rules: RuleSet, base: Chain, packet: Packet): WalkOutcome {
  const walker = new Walker(rules, packet);
  const end = walker.run(base, 0);
  const { isUnsure, tracking } = walker;
  const common = { isUnsure, ...(tracking === undefined ? {} : { tracking }) };
  if (end?.verdict === 'drop') return { kind: 'drops', chain: end.chain, by: end.by, ...common };
  if (end === undefined && base.base?.policy === 'drop') {
    return { kind: 'drops', chain: base.name, by: 'policy drop', ...common };
  }
  return { kind: 'passes', chain: base.name, by: '', ...common };
}

interface End {
  readonly verdict: 'accept' | 'drop';
  readonly chain: string;
  readonly by: string;
}

class Walker {
  readonly #rules: RuleSet;
  readonly #packet: Packet;
  isUnsure = false;
  tracking: WalkOutcome['tracking'];

  constructor(rules: RuleSet, packet: Packet) {
    this.#rules = rules;
    this.#packet = packet;
  }

  /** Undefined: the packet comes out at the end of the chain. */
  run(chain: Chain, depth: number): End | undefined {
    for (const [index, rule] of chain.rules.entries()) {
      const answer = ruleAnswer(rule, this.#packet);
      if (answer === 'no') continue;
      const verdict = verdictOf(rule, this.#packet);
      if (answer === 'unsure') {
        if (this.#mayAccept(verdict, depth)) this.isUnsure = true;
        continue;
      }
      this.#noteTracking(rule, chain.name);
      if (verdict === 'accept' || verdict === 'drop') {
        return { verdict, chain: chain.name, by: `rule ${index + 1}` };
      }
      if (verdict === 'return') return undefined;
      if (verdict === 'unsure') this.isUnsure = true;
      if (typeof verdict !== 'object') continue;
      const end = this.#follow(verdict.jump, depth);
      if (end !== undefined || verdict.isGoto) return end;
    }
    return undefined;
  }

  #follow(name: string, depth: number): End | undefined {
    const chain = this.#rules.chains.get(name);
    return chain === undefined || depth >= mostJumps ? undefined : this.run(chain, depth + 1);
  }

  #mayAccept(verdict: Verdict, depth: number): boolean {
    if (typeof verdict !== 'object') return verdict === 'accept' || verdict === 'unsure';
    const inside = new Walker(this.#rules, this.#packet);
    return inside.#follow(verdict.jump, depth)?.verdict === 'accept' || inside.isUnsure;
  }

  #noteTracking(rule: readonly Expression[], chain: string): void {
    const what = rule.map(trackingOf).find((found) => found !== undefined);
    if (what !== undefined) this.tracking ??= { chain, what };
  }
}

function ruleAnswer(rule: readonly Expression[], packet: Packet): Answer {
  const answers = rule
    .filter((each) => (each['xt'] as XtablesExpression | undefined)?.kind !== 'target')
    .map((each) => matches(each, packet));
  if (answers.includes('no')) return 'no';
  return answers.includes('unsure') ? 'unsure' : 'yes';
}

function verdictOf(rule: readonly Expression[], packet: Packet): Verdict {
  for (const expression of rule) {
    const verdict = statementVerdict(expression, packet);
    if (verdict !== 'continue') return verdict;
  }
  return 'continue';
}

function statementVerdict(statement: Expression, packet: Packet): Verdict {
  if ('accept' in statement) return 'accept';
  if ('drop' in statement || 'reject' in statement) return 'drop';
  if ('return' in statement) return 'return';
  for (const key of ['jump', 'goto'] as const) {
    const target = record(statement[key])?.['target'];
    if (typeof target === 'string') return { jump: target, isGoto: key === 'goto' };
  }
  if ('queue' in statement) return 'unsure';
  if ('vmap' in statement) return mapVerdict(record(statement['vmap']) ?? {}, packet);
  const xt = statement['xt'] as XtablesExpression | undefined;
  return xt?.kind === 'target' ? targetVerdict(xt.name) : 'continue';
}

function targetVerdict(name: string): Verdict {
  if (name === 'REJECT' || name === 'DROP') return 'drop';
  return name === 'NFQUEUE' || name === 'TPROXY' ? 'unsure' : 'continue';
}

// `iifname vmap { "eth0" : jump outside, "lo" : accept }`; of a named map nothing is known.
function mapVerdict({ key, data }: Expression, packet: Packet): Verdict {
  const set = record(data)?.['set'];
  if (!Array.isArray(set)) return 'unsure';
  for (const element of set) {
    if (!Array.isArray(element)) continue;
    const [value, verdict] = element as readonly unknown[];
    const match = { match: { op: '==', left: key, right: value } };
    const answer = fieldOf(key, packet) === undefined ? 'unsure' : matches(match, packet);
    if (answer === 'yes') return statementVerdict(record(verdict) ?? {}, packet);
    if (answer === 'unsure') return 'unsure';
  }
  return 'continue';
}

// NF_CT_NOTRACK of struct xt_ct_target_info: flags first, then the zone.
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
