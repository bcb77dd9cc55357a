// Facts about routes and routing rules of other software that take addresses from pod ranges.

import { memoize } from '../../../base/memoize.ts';
import type { InterfaceAddress } from '../../../kernel/netlink/address.ts';
import { localTable, mainTable, type RouteRecord } from '../../../kernel/netlink/route-record.ts';
import type { ListedRule } from '../../../kernel/netlink/rule.ts';
import type { DesiredState, PodRange, RemoteRange } from '../../../model/desired.ts';
import { overlayDeviceName } from '../../../model/ids.ts';
import { PrefixIndex } from '../../../model/prefix-index.ts';
import { contains, firstFrom, orderedPrefix } from '../../../model/prefix-order.ts';
import type { IfIndex } from '../../../net/if-index.ts';
import {
  hostPrefix,
  type Prefix,
  prefixesOverlap,
  prefixFamily,
  prefixLength,
} from '../../../net/prefix.ts';
import { isEndpointName } from '../../../pods/interface/names.ts';
import type { HostListing } from '../../host/facts.ts';
import { mostRoutes } from '../../host/main-routes.ts';
import type { ObservedKernel, ObservedNode } from '../observed/observed-node.ts';
import { type Finding, note, problem, some } from './fact.ts';
import { refusalFindings } from './refusal-checks.ts';
import { applies, type RoutedPackets, type Sender } from './rule-applies.ts';

/** The longest prefix wins: a foreign route inside a range, or equal to it, takes precedence over heddle's. */
export function routeFindings({ kernel, desired }: ObservedNode): readonly Finding[] {
  const { host, localRoutes } = kernel;
  const owner = rangeFinder(desired.podRanges)(desired.remoteRanges);
  const texts = [
    ...foreignRoutes(host, owner),
    ...foreignAddresses(host, desired, owner),
    ...foreignLocalRoutes(localRoutes, host, desired),
  ];
  const outer = outerRoutes(host, desired);
  return [
    ...(texts.length === 0 ? [] : [problem(some(texts))]),
    ...(outer.length === 0 ? [] : [note(some(outer))]),
    ...unreadRoutes(kernel),
  ];
}

function unreadRoutes({ host, areLocalRoutesWhole }: ObservedKernel): readonly Finding[] {
  const tables = [
    ...(host.unreadRoutes ?? []).map((family) => `table main (IPv${family})`),
    ...(areLocalRoutesWhole ? [] : ['table local']),
  ];
  if (tables.length === 0) return [];
  return [
    note(
      `${tables.join(' and ')} ${tables.length === 1 ? 'has' : 'have'} more than ${mostRoutes} routes of other software; the rest was not checked: it may take addresses from pod ranges`,
    ),
  ];
}

// Heddle's route is longer: hosts behind the other route's gateway cannot be reached there. Anyone who may write a Node
// can do this to a part of any network; setting podCidrs confirms that it is intended.
function outerRoutes(
  { routes, links }: HostListing,
  { podRanges, remoteRanges, podCidrs = [] }: DesiredState,
): readonly string[] {
  if (podCidrs.length > 0) return [];
  const names = new Map(links.map(({ ifIndex, name }) => [ifIndex, name]));
  const ranges = inOrder(podRanges)(remoteRanges);
  return routes.filter(isByGateway).flatMap((route) => {
    const outer = orderedPrefix(route.destination);
    const first = ranges[firstFrom(ranges, outer.digits)]?.ordered;
    if (first === undefined || first.bits === outer.bits || !contains(outer, first)) return [];
    return [
      `pod range ${first.prefix} lies inside route ${route.destination} ${placeOf(route, names)} and takes these addresses from it`,
    ];
  });
}

function isByGateway({ type, destination, gateway, nextHops = [] }: RouteRecord): boolean {
  const hops = [gateway, ...nextHops.map((hop) => hop.gateway)];
  return (
    type === 'unicast' &&
    prefixLength(destination) > 0 &&
    hops.some((address) => address !== undefined)
  );
}

const inOrder = memoize((own: readonly PodRange[]) =>
  memoize((remote: readonly RemoteRange[]) =>
    [...own, ...remote]
      .map(({ prefix }) => ({ ordered: orderedPrefix(prefix) }))
      .sort((left, right) => (left.ordered.digits < right.ordered.digits ? -1 : 1)),
  ),
);

function foreignRoutes({ routes, links }: HostListing, owner: RangeFinder): readonly string[] {
  const names = new Map(links.map(({ ifIndex, name }) => [ifIndex, name]));
  return routes.flatMap((route) => {
    const { destination, type } = route;
    if (prefixLength(destination) === 0) return [];
    const range = owner(destination);
    if (range === undefined || isPodRoute(route, names)) return [];
    const words = ['route', type === 'unicast' ? '' : type, destination, placeOf(route, names)];
    return [
      `${words.filter((word) => word !== '').join(' ')} takes addresses from pod range ${range}`,
    ];
  });
}

// The kernel creates routes for the addresses of heddle's own devices inside their ranges.
function isPodRoute({ ifIndex }: RouteRecord, names: ReadonlyMap<IfIndex, string>): boolean {
  const name = ifIndex === undefined ? undefined : names.get(ifIndex);
  return name !== undefined && (isEndpointName(name) || name === overlayDeviceName);
}

function placeOf(
  { ifIndex, gateway, nextHops }: RouteRecord,
  names: ReadonlyMap<IfIndex, string>,
): string {
  const dev = ifIndex ?? nextHops?.[0]?.ifIndex;
  const by = gateway === undefined ? '' : `via ${gateway} `;
  return dev === undefined ? by.trim() : `${by}dev ${names.get(dev) ?? `index ${dev}`}`;
}

function foreignAddresses(
  { addresses, links }: HostListing,
  { podRanges }: DesiredState,
  owner: RangeFinder,
): readonly string[] {
  const names = new Map(links.map(({ ifIndex, name }) => [ifIndex, name]));
  const routers = new Set(podRanges.map(({ router }) => router));
  const isForeign = ({ address, ifIndex }: InterfaceAddress): boolean =>
    !routers.has(address) && names.get(ifIndex) !== overlayDeviceName;
  return addresses.filter(isForeign).flatMap(({ address, ifIndex }) => {
    const range = owner(hostPrefix(address));
    if (range === undefined) return [];
    return [`address ${address} of ${names.get(ifIndex)} is inside pod range ${range}`];
  });
}

// Table local is looked up before all others: its routes take precedence whatever their length. Routes for the node's
// own addresses are created by the kernel.
function foreignLocalRoutes(
  routes: readonly RouteRecord[],
  { addresses, links }: HostListing,
  { podRanges, remoteRanges }: DesiredState,
): readonly string[] {
  if (routes.length === 0) return [];
  const names = new Map(links.map(({ ifIndex, name }) => [ifIndex, name]));
  const own = new Set(addresses.map(({ address }) => hostPrefix(address)));
  const ranges = [...podRanges, ...remoteRanges].map(({ prefix }) => prefix);
  return routes.flatMap((route) => {
    const { destination, type } = route;
    if (own.has(destination) || prefixLength(destination) === 0) return [];
    const range = ranges.find((each) => prefixesOverlap(each, destination));
    if (range === undefined) return [];
    const what = `route ${type} ${destination} ${placeOf(route, names)} table local`;
    return [`${what} takes addresses from pod range ${range}`];
  });
}

type RangeFinder = (prefix: Prefix) => Prefix | undefined;

/** The pod range that contains or equals a prefix. */
const rangeFinder = memoize((own: readonly PodRange[]) =>
  memoize((remote: readonly RemoteRange[]): RangeFinder => {
    const ranges = new PrefixIndex(inOrder(own)(remote));
    return (prefix) => ranges.around(orderedPrefix(prefix))?.ordered.prefix;
  }),
);

/** Which table is looked up first for packets to pods, and which packets additional rules refuse. */
export function ruleFindings(node: ObservedNode): readonly Finding[] {
  const unread =
    'there are more routing rules, or routes in the tables they look up, than are checked: the rest may divert packets of pods';
  const found = ([4, 6] as const).flatMap((family) => {
    const pods = caughtOf(node, { family, sender: 'pods' });
    const known = new Set(pods.map(({ caught }) => caught));
    // A rule that affects both senders is reported once.
    const own = caughtOf(node, { family, sender: 'node' }).filter(
      ({ caught }) => !known.has(caught),
    );
    return [
      ...ruleProblems(pods, `IPv${family} packets`),
      ...ruleProblems(own, `IPv${family} packets of this node itself`),
      ...refusalFindings(node, family, known),
    ];
  });
  return node.kernel.isPolicyWhole ? found : [...found, note(unread)];
}

interface Caught {
  readonly range: Prefix;
  readonly caught: string;
}

function caughtOf(
  { kernel, desired, nodeAddresses }: ObservedNode,
  { family, sender }: { readonly family: 4 | 6; readonly sender: Sender },
): readonly Caught[] {
  const { policyRoutes: routes, isPolicyWhole: isWhole } = kernel;
  const rules = kernel.policyRules.filter((rule) => rule.family === family);
  const isOfFamily = (prefix: Prefix): boolean => prefixFamily(prefix) === family;
  const own = desired.podRanges.map(({ prefix }) => prefix).filter(isOfFamily);
  const remote = desired.remoteRanges.map(({ prefix }) => prefix).filter(isOfFamily);
  if (own.length === 0 || rules.length === 0) return [];
  const sources =
    sender === 'pods' ? own.slice(0, 1) : nodeAddresses.map(hostPrefix).filter(isOfFamily);
  return sources.flatMap((source) =>
    [...own, ...remote].flatMap((range) => {
      const caught = caughtBy({ rules, routes, isWhole, sender, source, range });
      return caught === undefined ? [] : [{ range, caught }];
    }),
  );
}

function ruleProblems(all: readonly Caught[], packets: string): readonly Finding[] {
  return [...new Set(all.map(({ caught }) => caught))].map((caught) => {
    const which = all.filter((each) => each.caught === caught).map(({ range }) => range);
    return problem(
      `${packets} to pod ranges ${some([...new Set(which)])} do not reach table main because of ${caught}: add a rule with a lower priority number that looks up table main for them`,
    );
  });
}

interface Lookup extends RoutedPackets {
  readonly rules: readonly ListedRule[];
  readonly routes: readonly RouteRecord[];
  /** Whether there are no more rules. */
  readonly isWhole: boolean;
}

/** What prevents a lookup of the main table for packets to a range; undefined: nothing. */
function caughtBy(lookup: Lookup): string | undefined {
  const { rules, routes, range } = lookup;
  let from = 0;
  for (const rule of rules) {
    if (rule.priority < from || !applies(rule, lookup)) continue;
    const { action, table, priority, target } = rule;
    if (action === 'goto') from = target ?? from;
    if (action === 'nop' || action === 'goto' || table === localTable) continue;
    if (action !== 'lookup') return `rule ${priority} (${action})`;
    const length = rule.suppressedPrefixLength ?? -1;
    // The main table has heddle's routes, which are longer than the suppressed length.
    if (table === mainTable) {
      if (length < prefixLength(range)) return undefined;
      continue;
    }
    const route = routes.find(
      (candidate) =>
        candidate.table === table &&
        candidate.type !== 'throw' &&
        prefixLength(candidate.destination) > length &&
        prefixFamily(candidate.destination) === prefixFamily(range) &&
        prefixesOverlap(candidate.destination, range),
    );
    if (route !== undefined) return `rule ${priority} (table ${table}: ${route.destination})`;
  }
  return lookup.isWhole ? 'a missing lookup of table main' : undefined;
}
