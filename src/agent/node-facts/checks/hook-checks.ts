// Facts about firewall rules of other software: hooks that drop packets pods need, and rules that prevent translation.

import type { DesiredState } from '../../../model/desired.ts';
import { prefixFamily } from '../../../net/prefix.ts';
import type { ObservedNode } from '../observed/observed-node.ts';
import type { Probe } from '../rules/probe.ts';
import type { ListedChain, RuleSet } from '../rules/rule-set.ts';
import { type Finding, note, problem, some } from './fact.ts';
import { hookOf, tableName, type Walked, walkAll } from './walked-probes.ts';

const forwardHooks: ReadonlySet<string> = new Set([
  'prerouting',
  'forward',
  'postrouting',
  'ingress',
  'egress',
]);

export function forwardFindings({ kernel, desired }: ObservedNode): readonly Finding[] {
  const drops = walkAll(kernel.ruleSets, desired).filter(
    ({ chain, probe, outcome }) =>
      outcome.kind !== 'passes' &&
      forwardHooks.has(hookOf(chain)) &&
      !isLocal(probe) &&
      // A possible drop that may be intended is not reported.
      !(
        probe.isOptional &&
        (outcome.isUnsure || (outcome.kind === 'may drop' && probe.mayBeMarked))
      ),
  );
  return [
    ...grouped(drops.filter((walked) => !isSaidBy(drops, walked))).map((group) =>
      dropFinding(group, desired),
    ),
    ...kernel.ruleSets.flatMap(unlookedAt),
  ];
}

function unlookedAt(rules: RuleSet): readonly Finding[] {
  if (rules.tooLarge === undefined) return [];
  return [
    note(
      `${tableName(rules)} has ${rules.tooLarge} and was not checked: its rules may drop packets of pods, take them out of connection tracking or translate them`,
    ),
  ];
}

// A chain that drops TCP of pods drops their other packets as well, which is not a second fault.
function isSaidBy(drops: readonly Walked[], { chain, probe, outcome }: Walked): boolean {
  return drops.some(
    (other) =>
      other.chain === chain &&
      other.probe.what === probe.beside &&
      !(other.outcome.kind === 'may drop' && outcome.kind === 'drops'),
  );
}

export function localFindings({ kernel, desired }: ObservedNode): readonly Finding[] {
  const drops = walkAll(kernel.ruleSets, desired).filter(
    ({ probe, outcome }) => outcome.kind !== 'passes' && isLocal(probe),
  );
  return grouped(drops).map((group) => dropFinding(group, desired));
}

export function trackingFindings({ kernel, desired }: ObservedNode): readonly Finding[] {
  const found = walkAll(kernel.ruleSets, desired).filter(
    ({ chain, probe, outcome }) =>
      outcome.tracking !== undefined &&
      hookOf(chain) === 'prerouting' &&
      !isTunnel(probe) &&
      !probe.isLaterFragment,
  );
  return grouped(found.filter((walked) => !isSaidBy(found, walked))).flatMap((group) => {
    const [{ rules, outcome } = group.first] = [group.first];
    const { tracking } = outcome;
    if (tracking === undefined) return [];
    const where = `chain ${tracking.chain} of ${tableName(rules)}`;
    return [problem(`${where} ${tracking.what}: ${some(group.what)} are not translated`)];
  });
}

interface Group {
  readonly first: Walked;
  readonly what: readonly string[];
}

/** One group per chain, so that one sentence describes what it drops. */
function grouped(all: readonly Walked[]): readonly Group[] {
  const groups = new Map<string, Walked[]>();
  for (const walked of all) {
    const { rules, outcome, probe } = walked;
    const kind = `${outcome.kind} ${outcome.rule} ${outcome.isUnsure} ${probe.isOptional} ${probe.beside === undefined}`;
    const key = `${tableName(rules)} ${outcome.chain} ${kind}`;
    groups.set(key, [...(groups.get(key) ?? []), walked]);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    return [{ first, what: [...new Set(group.map(({ probe }) => probe.what))] }];
  });
}

function dropFinding({ first, what }: Group, desired: DesiredState): Finding {
  const { rules, chain, outcome, probe } = first;
  const where = `chain ${outcome.chain} of ${tableName(rules)} (hook ${hookOf(chain)}, ${outcome.by})`;
  const remedy = remedyOf(rules, chain, desired);
  if (outcome.kind === 'may drop') {
    const why = 'by a rule that cannot be evaluated';
    return note(`${where} may drop ${some(what)}, ${why}: ${outcome.rule}; ${remedy}`);
  }
  if (probe.isOptional) {
    const wanted = probe.beside === undefined ? othersToo(remedy) : remedy;
    return note(`${where} drops ${some(what, 6)}; if that is not intended: ${wanted}`);
  }
  return outcome.isUnsure
    ? note(`${where} may drop ${some(what)}: it has rules that cannot be evaluated; ${remedy}`)
    : problem(`${where} drops ${some(what)}; another table cannot overrule a drop: ${remedy}`);
}

// The packet is for a pod of another node.
function othersToo(remedy: string): string {
  return `${remedy}, and the same for the pod ranges of the other nodes`;
}

// The remedy in the tool that owns the table, because it would overwrite a rule added by hand.
function remedyOf(rules: RuleSet, chain: ListedChain, desired: DesiredState): string {
  const ranges = desired.podRanges
    .map(({ prefix }) => prefix)
    .filter(
      (prefix) =>
        rules.family === 'inet' ||
        rules.family === 'netdev' ||
        rules.family === familyName(prefixFamily(prefix)),
    );
  const range = ranges[0] ?? 'PODS';
  const isForward = hookOf(chain) === 'forward';
  const program = programOf(rules);
  if (rules.table === 'firewalld') {
    return `firewalld: firewall-cmd --permanent --zone=trusted --add-source=${range} (pods and nodes), then --reload`;
  }
  if (rules.chains.has('DOCKER-USER') && isForward) {
    return `Docker: ${program} -I DOCKER-USER -s ${range} -j ACCEPT; ${program} -I DOCKER-USER -d ${range} -j ACCEPT`;
  }
  if ([...rules.chains.keys()].some((name) => name.startsWith('ufw'))) {
    return isForward
      ? `ufw: ufw route allow from ${range}; ufw route allow to ${range}`
      : 'ufw: `ufw allow` the traffic listed';
  }
  return `accept it there, for example from and to ${range}`;
}

function programOf({ family, origin }: RuleSet): string {
  const program = family === 'ip6' ? 'ip6tables' : 'iptables';
  return origin === undefined ? program : `${program}-legacy`;
}

function familyName(family: 4 | 6): string {
  return family === 4 ? 'ip' : 'ip6';
}

// From or to the node itself, including tunnels.
function isLocal({ input, output }: Probe): boolean {
  return input === undefined || output === undefined;
}

function isTunnel({ state }: Probe): boolean {
  return state === 'untracked';
}
