// Facts about rules of other software that translate packets of pods instead of heddle.

import { memoize } from '../../../base/memoize.ts';
import { priorities } from '../../../datapath/nft/rule-text.ts';
import type { DesiredState } from '../../../model/desired.ts';
import type { AddressFamily } from '../../../net/address.ts';
import { addressAt, prefixFamily } from '../../../net/prefix.ts';
import { isEndpointName } from '../../../pods/interface/names.ts';
import type { ObservedNode } from '../observed/observed-node.ts';
import { type PacketChange, walk } from '../rules/packet-walk.ts';
import type { Probe } from '../rules/probe.ts';
import { probesOf } from '../rules/probes.ts';
import type { BaseChain, RuleSet } from '../rules/rule-set.ts';
import { type Finding, note, some } from './fact.ts';
import { hookOf, isOfFamily, tableName, walkAll } from './walked-probes.ts';

/** Notes, because an operator may want pods to leave with another address or to be directed to a proxy. */
export function translationFindings({ kernel, desired }: ObservedNode): readonly Finding[] {
  return findingsOf(kernel.ruleSets)(desired);
}

const findingsOf = memoize((ruleSets: readonly RuleSet[]) =>
  memoize((desired: DesiredState): readonly Finding[] => {
    const found = new Map<string, Set<string>>();
    for (const [{ what, beside = '' }, by] of [
      ...rewritten(ruleSets, desired),
      ...translatedByAny(ruleSets, desired),
    ]) {
      const whats = found.get(by) ?? new Set();
      found.set(by, whats.has(beside) ? whats : whats.add(what));
    }
    return Array.from(found, ([by, what]) => note(`${by}: ${some([...what])}`));
  }),
);

/** The translated packets and the rule. */
type Translated = readonly [Probe, by: string];

// Rules that write addresses or ports into packets, in any chain. Connection tracking does not show such connections as
// translated.
function rewritten(ruleSets: readonly RuleSet[], desired: DesiredState): readonly Translated[] {
  return walkAll(ruleSets, desired).flatMap(({ rules, chain, probe, outcome }) =>
    outcome.rewritings.map((change) => [probe, byText(rules, hookOf(chain), change)] as const),
  );
}

function translatedByAny(
  ruleSets: readonly RuleSet[],
  desired: DesiredState,
): readonly Translated[] {
  const tables = ruleSets.filter(hasTranslation);
  // Most nodes have none.
  if (tables.length === 0) return [];
  return ([4, 6] as const).flatMap((family) => {
    const probes = newConnections(desired, family);
    return tables
      .filter((rules) => isOfFamily(rules, family))
      .flatMap((rules) => translated(rules, probes, desired));
  });
}

function byText(rules: RuleSet, hook: string, { chain, by, what }: PacketChange): string {
  return `chain ${chain} of ${tableName(rules)} (hook ${hook}, ${by}) translates (${what})`;
}

function hasTranslation({ chains }: RuleSet): boolean {
  return [...chains.values()].some(({ base }) => base?.type === 'nat');
}

/** Packets that open connections of pods; NAT rules see no other packets. */
function newConnections(desired: DesiredState, family: AddressFamily): readonly Probe[] {
  const sent = probesOf(desired, family).filter(
    ({ input, state, isLaterFragment }) =>
      state === 'new' && isLaterFragment !== true && input !== undefined && isEndpointName(input),
  );
  const range = desired.podRanges.find(({ prefix }) => prefixFamily(prefix) === family);
  const [first] = sent;
  const beside = range && addressAt(range.prefix, 3n);
  if (first === undefined || beside === undefined) return sent;
  const what = 'packets of pods to Services with backends on this node';
  const ends = { destination: beside, output: first.input };
  return [...sent, { ...first, ...ends, isTranslated: true, hooks: ['postrouting'], what }];
}

function translated(
  rules: RuleSet,
  probes: readonly Probe[],
  desired: DesiredState,
): readonly Translated[] {
  return [...rules.chains.values()].flatMap((chain) => {
    const { base } = chain;
    if (base?.type !== 'nat') return [];
    return probes
      .filter((probe) => probe.hooks.includes(base.hook) && !isOurs(base, probe, desired))
      .flatMap((probe) => {
        const { translation } = walk(rules, chain, probe);
        return translation === undefined
          ? []
          : [[probe, byText(rules, base.hook, translation)] as const];
      });
  });
}

// The first rule that translates the source decides. If masquerading is off, translation by other software is intended.
function isOurs(
  { hook, priority }: BaseChain,
  probe: Probe,
  { masquerade }: DesiredState,
): boolean {
  if (hook !== 'postrouting' || probe.isTranslated === true) return false;
  return masquerade === undefined || priority >= priorities.afterSrcnat;
}
