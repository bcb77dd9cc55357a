// Facts about rules of others that translate pods' packets in place of ours.

import { memoizeLast } from '../../base/memoize.ts';
import { priorities } from '../../datapath/tables/nft-render.ts';
import type { DesiredState } from '../../model/desired.ts';
import type { AddressFamily } from '../../net/address.ts';
import { addressAt, prefixFamily } from '../../net/prefix.ts';
import { isEndpointName } from '../link-names.ts';
import { type Finding, note, some } from './fact.ts';
import { tableName } from './hook-checks.ts';
import type { ObservedNode } from './observed-node.ts';
import { walk } from './packet-walk.ts';
import type { Probe } from './probe.ts';
import { probesOf } from './probes.ts';
import type { BaseChain, RuleSet } from './rule-set.ts';

/** Notes: an operator may mean pods to leave by another address, or to be led to a proxy. */
export function translationFindings({ kernel, desired }: ObservedNode): readonly Finding[] {
  return findingsOf(kernel.ruleSets, desired);
}

const findingsOf = memoizeLast(
  (ruleSets: readonly RuleSet[], desired: DesiredState): readonly Finding[] => {
    const tables = ruleSets.filter(hasTranslation);
    // Most nodes have none.
    if (tables.length === 0) return [];
    const found = new Map<string, Set<string>>();
    for (const family of [4, 6] as const) {
      const probes = newConnections(desired, family);
      for (const rules of tables.filter((each) => isOfFamily(each, family))) {
        for (const [{ what, beside = '' }, by] of translated(rules, probes, desired)) {
          const whats = found.get(by) ?? new Set();
          found.set(by, whats.has(beside) ? whats : whats.add(what));
        }
      }
    }
    return Array.from(found, ([by, what]) => note(`${by}: ${some([...what])}`));
  },
);

function hasTranslation({ chains }: RuleSet): boolean {
  return [...chains.values()].some(({ base }) => base?.type === 'nat');
}

function isOfFamily({ family }: RuleSet, of: AddressFamily): boolean {
  return family === 'inet' || family === (of === 4 ? 'ip' : 'ip6');
}

/** What pods open; rules see no other packet of a connection. */
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

/** What is translated, and by which rule. */
function translated(
  rules: RuleSet,
  probes: readonly Probe[],
  desired: DesiredState,
): readonly (readonly [Probe, by: string])[] {
  return [...rules.chains.values()].flatMap((chain) => {
    const { base } = chain;
    if (base?.type !== 'nat') return [];
    return probes
      .filter((probe) => probe.hooks.includes(base.hook) && !isOurs(base, probe, desired))
      .flatMap((probe) => {
        const { translation } = walk(rules, chain, probe);
        if (translation === undefined) return [];
        const where = `chain ${translation.chain} of ${tableName(rules)}`;
        const place = `(hook ${base.hook}, ${translation.by})`;
        return [[probe, `${where} ${place} translates (${translation.what})`] as const];
      });
  });
}

// The first that gives a connection another source is the last. Where masquerading is off, whoever translates is meant to.
function isOurs(
  { hook, priority }: BaseChain,
  probe: Probe,
  { masquerade }: DesiredState,
): boolean {
  if (hook !== 'postrouting' || probe.isTranslated === true) return false;
  return masquerade === undefined || priority >= priorities.afterSrcnat;
}
