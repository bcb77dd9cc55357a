// Which Service has a frontend. Any tenant writes external addresses and may name those of another Service, so a
// frontend can have several claimants. One of them has it; the others are named.

import { type Entries, KeyedCollection } from '../../base/collections/collection.ts';
import { Derived, follower } from '../../base/collections/derived.ts';
import { OrderedList } from '../../base/collections/ordered-list.ts';
import type { ClusterService } from '../../cluster/objects.ts';
import type { Address } from '../../net/address.ts';
import { type Frontend, frontendKey, frontendsOf, isProxied } from './frontend.ts';

export interface Claim {
  /** A frontend, or a cluster address as a whole: its other ports belong to the same Service. */
  readonly key: string;
  /** `shop/web` */
  readonly service: string;
  readonly createdAt?: number | undefined;
  /** Absent for a cluster address as a whole. */
  readonly frontend?: Frontend | undefined;
}

export class FrontendClaims {
  readonly #owners = new KeyedCollection<string, Claim>();
  /** All claims for a key, the strongest first, if there are several. */
  readonly #contested = new Map<string, OrderedList<Claim>>();
  readonly #claims = new Map<string, readonly Claim[]>();
  /** By key of the frontend, or cluster address: the claim that counts. */
  readonly owners: Entries<string, Claim>;

  constructor(services: Entries<string, ClusterService>) {
    const follow = follower(services, () => this.#claims.keys());
    this.owners = new Derived(this.#owners, () =>
      follow((change) => {
        const claims = change.kind === 'deleted' ? [] : claimsOf(change.value, change.key);
        this.#replace(change.key, claims);
      }),
    );
  }

  #replace(service: string, claims: readonly Claim[]): void {
    const before = new Map(this.#claims.get(service)?.map((claim) => [claim.key, claim]));
    const after = claims.map((claim) => {
      const known = before.get(claim.key);
      return known !== undefined && isSame(known, claim) ? known : claim;
    });
    const kept = new Set(after);
    for (const claim of before.values()) if (!kept.has(claim)) this.#withdraw(claim);
    for (const claim of after) if (before.get(claim.key) !== claim) this.#give(claim);
    if (after.length === 0) this.#claims.delete(service);
    else this.#claims.set(service, after);
  }

  #give(claim: Claim): void {
    const { key } = claim;
    const owner = this.#owners.get(key);
    if (owner === undefined) {
      this.#owners.set(key, claim);
      return;
    }
    let rivals = this.#contested.get(key);
    if (rivals === undefined) {
      rivals = new OrderedList<Claim>(byStrength);
      rivals.insert(owner);
      this.#contested.set(key, rivals);
    }
    rivals.insert(claim);
    this.#owners.set(key, firstOf(rivals) ?? claim);
  }

  #withdraw(claim: Claim): void {
    const { key } = claim;
    const rivals = this.#contested.get(key);
    rivals?.delete(claim);
    const first = rivals && firstOf(rivals);
    if (first === undefined) this.#owners.delete(key);
    else this.#owners.set(key, first);
    if (rivals?.size === 1) this.#contested.delete(key);
  }
}

function claimsOf(service: ClusterService, name: string): readonly Claim[] {
  if (!isProxied(service)) return [];
  const { createdAt } = service;
  const claims = new Map<string, Claim>();
  for (const address of service.clusterAddresses)
    claims.set(address, { key: address, service: name, createdAt });
  for (const frontend of frontendsOf(service)) {
    const key = frontendKey(frontend);
    if (!claims.has(key)) claims.set(key, { key, service: name, createdAt, frontend });
  }
  return [...claims.values()];
}

/** The Service to which the API server has assigned the address; undefined: none. */
export function clusterAddressOwner(
  owners: Entries<string, Claim>,
  address: Address,
): string | undefined {
  return owners.get(address)?.service;
}

function firstOf(claims: OrderedList<Claim>): Claim | undefined {
  return claims.firstFrom(() => false);
}

// Cluster addresses are assigned by the API server, the others can be written by tenants: a tenant must not get an
// address by claiming it before it is assigned. Otherwise the older Service, then the one with the smaller name.
function byStrength(left: Claim, right: Claim): number {
  const kind = Number(isWritten(left)) - Number(isWritten(right));
  if (kind !== 0) return kind;
  const [since, sinceOther] = [left.createdAt ?? Infinity, right.createdAt ?? Infinity];
  if (since !== sinceOther) return since < sinceOther ? -1 : 1;
  return left.service === right.service ? 0 : left.service < right.service ? -1 : 1;
}

function isWritten({ frontend }: Claim): boolean {
  return frontend?.kind === 'load-balancer' || frontend?.kind === 'external';
}

function isSame(left: Claim, right: Claim): boolean {
  return (
    left.createdAt === right.createdAt &&
    left.frontend?.kind === right.frontend?.kind &&
    left.frontend?.portIndex === right.frontend?.portIndex
  );
}
