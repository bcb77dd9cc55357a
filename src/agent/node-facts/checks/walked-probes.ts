// Walks every probe through the foreign chains on its path, in the kernel's order: later chains see what earlier ones
// write into the packet.

import { memoize } from '../../../base/memoize.ts';
import type { DesiredState } from '../../../model/desired.ts';
import type { AddressFamily } from '../../../net/address.ts';
import { isEndpointName } from '../../../pods/interface/names.ts';
import type { Packet } from '../rules/packet.ts';
import { type WalkOutcome, walk } from '../rules/packet-walk.ts';
import type { Probe } from '../rules/probe.ts';
import { probesOf } from '../rules/probes.ts';
import type { BaseChain, ListedChain, RuleSet } from '../rules/rule-set.ts';
import { routed } from '../rules/written-fields.ts';

export interface Walked {
  readonly rules: RuleSet;
  readonly chain: ListedChain;
  readonly probe: Probe;
  readonly outcome: WalkOutcome;
}

/** In the order of the chains in the listing. */
export function walkAll(ruleSets: readonly RuleSet[], desired: DesiredState): readonly Walked[] {
  return walkedOf(ruleSets)(desired);
}

const walkedOf = memoize((ruleSets: readonly RuleSet[]) =>
  memoize((desired: DesiredState): readonly Walked[] => {
    const stations = stationsOf(ruleSets);
    if (stations.length === 0) return [];
    const found = new Map(stations.map(({ chain }) => [chain, [] as Walked[]]));
    const inOrder = stations.toSorted(
      ({ base: left }, { base: right }) =>
        hookOrder.indexOf(left.hook) - hookOrder.indexOf(right.hook) ||
        left.priority - right.priority,
    );
    for (const family of [4, 6] as const) {
      const own = inOrder.filter(({ rules }) => isOfFamily(rules, family));
      for (const probe of probesOf(desired, family)) {
        for (const walked of walkProbe(own, probe)) found.get(walked.chain)?.push(walked);
      }
    }
    return [...found.values()].flat();
  }),
);

/** `table ip filter of iptables-legacy` */
export function tableName({ family, table, origin }: RuleSet): string {
  return `table ${family} ${table}${origin === undefined ? '' : ` of ${origin}`}`;
}

export function hookOf({ base }: ListedChain): string {
  return base?.hook ?? '';
}

interface Station {
  readonly rules: RuleSet;
  readonly chain: ListedChain;
  readonly base: BaseChain;
}

const hookOrder = ['ingress', 'prerouting', 'input', 'forward', 'output', 'postrouting', 'egress'];
const beforeRouting: ReadonlySet<string> = new Set(['ingress', 'prerouting']);

function stationsOf(ruleSets: readonly RuleSet[]): readonly Station[] {
  return ruleSets.flatMap((rules) =>
    [...rules.chains.values()].flatMap((chain) =>
      chain.base === undefined ? [] : [{ rules, chain, base: chain.base }],
    ),
  );
}

function walkProbe(stations: readonly Station[], probe: Probe): readonly Walked[] {
  const walked: Walked[] = [];
  let packet: Packet = marked(stations, probe);
  let isElsewhere = false;
  for (const { rules, chain, base } of stations) {
    // The hooks after a change of the destination are not known here.
    if (isElsewhere && !beforeRouting.has(base.hook)) break;
    if (!meets(base, probe)) continue;
    const outcome = walk(rules, chain, packet);
    walked.push({ rules, chain, probe, outcome });
    packet = outcome.packet;
    isElsewhere ||=
      beforeRouting.has(base.hook) &&
      outcome.rewritings.some(({ fields }) => fields.includes('destination'));
  }
  return walked;
}

// A packet described after translation of its destination has passed chains before, which may have marked it.
function marked(stations: readonly Station[], probe: Probe): Packet {
  if (probe.isTranslated !== true || probe.hooks.includes('prerouting')) return probe;
  const unknown = ['destination', 'destination port', ...routed];
  let packet: Packet = {
    ...probe,
    isTranslated: false,
    written: new Map(unknown.map((name) => [name, undefined])),
  };
  for (const { rules, chain, base } of stations) {
    const isMet = beforeRouting.has(base.hook) && base.type === 'filter' && isAtDevice(base, probe);
    if (isMet) packet = walk(rules, chain, packet).packet;
  }
  const marks = [...(packet.written ?? [])].filter(([name]) => name.endsWith(' mark'));
  return marks.length === 0 ? probe : { ...probe, written: new Map(marks) };
}

/** NF_IP_PRI_CONNTRACK_DEFRAG, and its IPv6 equivalent. */
const defragmentation = -400;

function meets(base: BaseChain, probe: Probe): boolean {
  if (!probe.hooks.includes(base.hook) || !isAtDevice(base, probe)) return false;
  // NAT chains see only the first packet of a connection.
  if (base.type === 'nat') return probe.state === 'new' && probe.isLaterFragment !== true;
  if (base.type !== 'filter' && base.type !== 'route') return false;
  const isTogether = base.hook !== 'ingress' && base.priority >= defragmentation;
  return !(probe.isLaterFragment === true && isTogether);
}

export function isOfFamily({ family }: RuleSet, of: AddressFamily): boolean {
  return family === 'inet' || family === 'netdev' || family === (of === 4 ? 'ip' : 'ip6');
}

// One pod's interface represents all of them.
function isAtDevice({ hook, devices }: BaseChain, { input, output }: Probe): boolean {
  const name = hook === 'egress' ? output : input;
  if (devices === undefined || name === undefined) return true;
  return devices.some(
    (device) => device === name || (isEndpointName(device) && isEndpointName(name)),
  );
}
