// The interfaces by which packets leave the node, according to the routes of the main table. A comparison with earlier
// ones shows which connections now leave by another interface.

import { isLinkLocal } from '../../model/network/underlay.ts';
import { type Address, addressFamily } from '../../net/address.ts';
import {
  makePrefix,
  type Prefix,
  prefixAddress,
  prefixFamily,
  prefixLength,
} from '../../net/prefix.ts';
import { isEndpointName } from '../../pods/interface/names.ts';
import type { HostListing } from './facts.ts';

/** Interface names by destination; empty for a route that refuses packets. */
export type Exits = ReadonlyMap<Prefix, readonly string[]>;

/** Maximum number of cached destinations of a walk. */
const rememberedAtMost = 20_000;

/**
 * Among routes with the same destination those with the lowest metric count. Routes of pods' interfaces are omitted.
 * Undefined if not all routes were read: destinations would seem to move.
 */
export function exitsOf({
  links,
  routes,
  unreadRoutes = [],
}: Pick<HostListing, 'links' | 'routes' | 'unreadRoutes'>): Exits | undefined {
  if (unreadRoutes.length > 0) return undefined;
  const names = new Map(links.map(({ ifIndex, name }) => [ifIndex, name]));
  const exits = new Map<Prefix, readonly string[]>();
  const metrics = new Map<Prefix, number>();
  for (const { destination, type, ifIndex, nextHops = [], metric = 0 } of routes) {
    const hops = [ifIndex, ...nextHops.map((hop) => hop.ifIndex)];
    const by = hops.flatMap((hop) => (hop === undefined ? [] : (names.get(hop) ?? [])));
    if (by.some(isEndpointName) || isOfEachLink(destination)) continue;
    const least = metrics.get(destination) ?? Number.POSITIVE_INFINITY;
    if (metric > least) continue;
    const beside = metric === least ? (exits.get(destination) ?? []) : [];
    metrics.set(destination, metric);
    exits.set(destination, type === 'unicast' ? [...beside, ...by] : beside);
  }
  return exits;
}

export function isSameExits(left: Exits | undefined, right: Exits | undefined): boolean {
  if (left === right) return true;
  if (left === undefined || right === undefined || left.size !== right.size) return false;
  return [...left].every(([destination, names]) => {
    const others = right.get(destination);
    return others?.length === names.length && names.every((name) => others.includes(name));
  });
}

/**
 * Whether packets to `destination` left by one of `interfaces`, or by none, and now leave by others. Routes selected
 * only by a mark or a routing rule are not seen; their interfaces are never among `interfaces` here, and their
 * connections stay as they are.
 */
export function movedExits(
  before: Exits,
  now: Exits,
): (destination: Address, interfaces: readonly string[]) => boolean {
  const [left, leaves] = [exitLookup(before), exitLookup(now)];
  return (destination, interfaces) => {
    const isIn = (name: string): boolean => interfaces.includes(name);
    const by = leaves(destination);
    if (by.length === 0 || by.some(isIn)) return false;
    const byBefore = left(destination);
    return byBefore.length === 0 || byBefore.some(isIn);
  };
}

// Every interface has such a route, a thousand for a thousand pods.
function isOfEachLink(destination: Prefix): boolean {
  return prefixFamily(destination) === 6 && isLinkLocal(prefixAddress(destination));
}

function exitLookup(exits: Exits): (address: Address) => readonly string[] {
  const lengths = { 4: lengthsOf(exits, 4), 6: lengthsOf(exits, 6) } as const;
  const known = new Map<Address, readonly string[]>();
  return (address) => {
    const before = known.get(address);
    if (before !== undefined) return before;
    const prefixes = lengths[addressFamily(address)].map((length) => makePrefix(address, length));
    const longest = prefixes.find((prefix) => exits.has(prefix));
    const names = (longest === undefined ? undefined : exits.get(longest)) ?? [];
    if (known.size < rememberedAtMost) known.set(address, names);
    return names;
  };
}

/** Longest first. */
function lengthsOf(exits: Exits, family: 4 | 6): readonly number[] {
  const found = [...exits.keys()].filter((prefix) => prefixFamily(prefix) === family);
  return [...new Set(found.map(prefixLength))].sort((left, right) => right - left);
}
