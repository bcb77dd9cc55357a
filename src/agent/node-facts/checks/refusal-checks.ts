// Routing rules of other software that refuse packets of pods to outside the cluster.

import { mainTable, type RouteRecord } from '../../../kernel/netlink/route-record.ts';
import type { ListedRule } from '../../../kernel/netlink/rule.ts';
import { type AddressFamily, parseAddress } from '../../../net/address.ts';
import {
  hostPrefix,
  type Prefix,
  prefixAddress,
  prefixesOverlap,
  prefixFamily,
  prefixLength,
} from '../../../net/prefix.ts';
import type { ObservedNode } from '../observed/observed-node.ts';
import { type Finding, note, some } from './fact.ts';
import { applies, type RoutedPackets } from './rule-applies.ts';

const outside = { 4: parseAddress('9.9.9.9'), 6: parseAddress('2620:fe::fe') } as const;
// The kernel also refuses packets by a rule whose action it does not know.
const refusals: ReadonlySet<string> = new Set(['blackhole', 'unreachable', 'prohibit', 'unknown']);

/** `known`: rules that divert packets between pods, which are already reported. A note, because it may be intended. */
export function refusalFindings(
  { kernel, desired }: ObservedNode,
  family: AddressFamily,
  known: ReadonlySet<string>,
): readonly Finding[] {
  const source = desired.podRanges.find(({ prefix }) => prefixFamily(prefix) === family)?.prefix;
  const rules = kernel.policyRules.filter((rule) => rule.family === family);
  const routes = [...kernel.host.routes, ...kernel.policyRoutes].filter(
    ({ destination }) => prefixFamily(destination) === family,
  );
  if (source === undefined) return [];
  const found = new Map<string, string[]>();
  for (const [range, name] of refusedPlaces({ rules, routes }, family)) {
    const by = refusedBy({ rules, routes }, { sender: 'pods', source, range });
    if (by !== undefined && !known.has(by)) found.set(by, [...(found.get(by) ?? []), name]);
  }
  return Array.from(found, ([by, places]) =>
    note(`IPv${family} packets of pods to ${some(places)} are refused by ${by}`),
  );
}

interface Routing {
  /** In the order of evaluation. */
  readonly rules: readonly ListedRule[];
  readonly routes: readonly RouteRecord[];
}

/** One address of each destination that a rule or a route of another table refuses, with its name for users. */
function refusedPlaces(
  { rules, routes }: Routing,
  family: AddressFamily,
): readonly (readonly [Prefix, string])[] {
  const refusing = [
    ...rules.flatMap(({ action, to, isInverted }) =>
      refusals.has(action) ? [isInverted ? undefined : to] : [],
    ),
    ...routes.flatMap(({ table, type, destination }) =>
      table !== mainTable && refusals.has(type) ? [destination] : [],
    ),
  ];
  return [...new Set(refusing)].map((to) =>
    to === undefined || prefixLength(to) === 0
      ? [hostPrefix(outside[family]), 'outside the cluster']
      : [hostPrefix(prefixAddress(to)), to],
  );
}

/** The first rule with a result for the packets, if it is a refusal; undefined: they are routed. */
function refusedBy({ rules, routes }: Routing, packets: RoutedPackets): string | undefined {
  let from = 0;
  for (const rule of rules) {
    if (rule.priority < from || !applies(rule, packets)) continue;
    const { action, table, priority, target } = rule;
    if (action === 'goto') from = target ?? from;
    if (refusals.has(action)) return `rule ${priority} (${action})`;
    if (action !== 'lookup') continue;
    const longerThan = rule.suppressedPrefixLength ?? -1;
    const route = bestRoute(
      routes.filter(
        (candidate) =>
          candidate.table === table && prefixLength(candidate.destination) > longerThan,
      ),
      packets.range,
    );
    if (route === undefined || route.type === 'throw') continue;
    // The main table refuses such packets from the node as well.
    if (table === mainTable || !refusals.has(route.type)) return undefined;
    return `rule ${priority} (table ${table}: ${route.type} ${route.destination})`;
  }
  return undefined;
}

// The route with the longest prefix and, among these, the lowest metric.
function bestRoute(routes: readonly RouteRecord[], range: Prefix): RouteRecord | undefined {
  return routes
    .filter(({ destination }) => prefixesOverlap(destination, range))
    .sort(
      (left, right) =>
        prefixLength(right.destination) - prefixLength(left.destination) ||
        (left.metric ?? 0) - (right.metric ?? 0),
    )[0];
}
