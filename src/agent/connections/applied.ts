// The applied translation, and how it differs from the previous one.

import type { Entries } from '../../base/collections/collection.ts';
import { memoize } from '../../base/memoize.ts';
import type { Masquerade } from '../../model/desired.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import type { HostFacts } from '../../model/host.ts';
import { type Address, addressFamily } from '../../net/address.ts';
import type { Prefix } from '../../net/prefix.ts';
import { type Exits, isSameExits, movedExits } from '../host/exits.ts';
import type { TranslationRules } from './translation.ts';

/** The translation that is currently applied. */
export interface AppliedTranslation {
  readonly masquerade: Masquerade | undefined;
  readonly host: HostFacts;
  readonly endpoints: Entries<string, LocalEndpoint>;
  /** See `TranslationRules`. */
  readonly hostPortAddresses?: readonly Prefix[] | undefined;
  /** Absent: exits are not tracked. */
  readonly exits?: Exits | undefined;
  /** Whether this settle changed the rules in the kernel. */
  readonly isWritten?: boolean;
}

/** The inputs of a walk, so that the next one can find what has changed since. */
export interface WalkBasis {
  readonly exempt: readonly Prefix[];
}

export function walkedBy({ masquerade }: AppliedTranslation): WalkBasis {
  return { exempt: masquerade?.exempt ?? [] };
}

export function movedSince(
  ways: readonly Exits[],
  now: Exits | undefined,
): Pick<TranslationRules, 'hasMoved'> {
  if (now === undefined) return {};
  const moved = ways
    .filter((before) => !isSameExits(before, now))
    .map((before) => movedExits(before, now));
  if (moved.length === 0) return {};
  return { hasMoved: (...given) => moved.some((each) => each(...given)) };
}

export function hasPorts({ portMappings }: LocalEndpoint): boolean {
  return portMappings !== undefined && portMappings.length > 0;
}

// Used only by walks, and computed again if pods were added or deleted meanwhile.
export const addressesOf: (endpoints: readonly LocalEndpoint[]) => ReadonlySet<Address> = memoize(
  (endpoints) => new Set(endpoints.flatMap(({ addresses }) => addresses)),
);

// A change of the cluster that has no effect here still creates a new object.
export function isSame<Part>(left: Part, right: Part): boolean {
  return left === right || JSON.stringify(left) === JSON.stringify(right);
}

export function sourcesOf({ masquerade }: AppliedTranslation): readonly Address[] {
  return masquerade?.nodeSources.map(({ address }) => address) ?? [];
}

export function besideSource(
  { masquerade, host }: AppliedTranslation,
  address: Address,
): readonly Address[] {
  const source = masquerade?.nodeSources.find((each) => each.address === address);
  return (host.addresses ?? [])
    .filter(({ ifName }) => source?.interfaces.includes(ifName))
    .map((each) => each.address)
    .filter((each) => addressFamily(each) === addressFamily(address));
}
