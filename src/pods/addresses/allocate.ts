// Chooses the address of a new pod: pure, from the node's pod ranges and the addresses in endpoint records. No other
// state about allocation is stored, so addresses and endpoints cannot diverge.

import { CniError, cniErrorCode } from '../../cni/error.ts';
import { type Address, type AddressFamily, addressFamily } from '../../net/address.ts';
import { addressAt, type Prefix, prefixContains, prefixFamily } from '../../net/prefix.ts';
import { checkFixedAddress } from './fixed-address.ts';
import { offsetBehind, offsetIn, usableOffsets } from './pod-range.ts';

/**
 * Position of the last search in each range. Rotation keeps a freed address unused while others are free, so that
 * connections and caches of its last owner can expire.
 */
export type Rotation = ReadonlyMap<Prefix, bigint>;

export interface Allocation {
  /** One per family for which the node has a range, IPv4 first. */
  readonly addresses: readonly Address[];
  readonly rotation: Rotation;
}

export interface CoolingAddresses {
  /** When the address is free again, on its own clock; undefined if it is not in cooldown. */
  freeAtMs(address: Address): number | undefined;
}

export interface AllocationInput {
  /** `spec.podCIDRs` of the Node, in the order in which they are used. */
  readonly ranges: readonly Prefix[];
  readonly taken: ReadonlySet<Address>;
  readonly rotation: Rotation;
  /** Not allocated while others are free. */
  readonly cooling?: CoolingAddresses | undefined;
  /** Only for pods that request one by name. */
  readonly reserved?: readonly Prefix[] | undefined;
  /** Never allocated. */
  readonly excluded?: readonly Prefix[] | undefined;
  /** Addresses that the pod requests, at most one per family. */
  readonly fixed?: readonly Address[] | undefined;
}

/**
 * If all free addresses are in cooldown, the one with the longest cooldown is used: a pod that waits for its address is
 * worse than one that receives a stray packet. Throws CniError naming the ranges: noAddress if endpoints use every
 * address of a family, tryLater if the node has no ranges yet; and the errors of `checkFixedAddress`.
 */
export function allocateAddresses(input: AllocationInput): Allocation {
  const { ranges, taken, rotation, excluded = [], fixed = [] } = input;
  const addresses: Address[] = [];
  const next = new Map(rotation);
  for (const address of fixed) checkFixedAddress(address, { ranges, excluded, taken });
  for (const family of [4, 6] as const) {
    const asked = fixed.find((address) => addressFamily(address) === family);
    const candidates = ranges.filter((range) => prefixFamily(range) === family);
    if (asked !== undefined) addresses.push(asked);
    if (asked !== undefined || candidates.length === 0) continue;
    const found = firstFree(candidates, input);
    if (found === undefined) throw exhausted(family, candidates);
    addresses.push(found.address);
    next.set(found.range, found.offset);
  }
  if (addresses.length === 0) {
    throw new CniError(cniErrorCode.tryLater, 'allocate an address: this node has no pod ranges', {
      details: 'the Node object of this node has no spec.podCIDRs, or has not been read yet',
    });
  }
  return { addresses, rotation: next };
}

/** Rotation after a restart: starts after the newest address of each range. `addresses`: oldest first. */
export function resumeRotation(ranges: readonly Prefix[], addresses: readonly Address[]): Rotation {
  const rotation = new Map<Prefix, bigint>();
  for (const address of addresses) {
    const range = ranges.find((candidate) => prefixContains(candidate, address));
    if (range !== undefined) rotation.set(range, offsetIn(range, address));
  }
  return rotation;
}

interface Found {
  readonly range: Prefix;
  readonly offset: bigint;
  readonly address: Address;
}

interface Cooling extends Found {
  readonly freeAtMs: number;
}

function firstFree(ranges: readonly Prefix[], input: AllocationInput): Found | undefined {
  let coolest: Cooling | undefined;
  for (const range of ranges) {
    const { first, last } = usableOffsets(range);
    const after = input.rotation.get(range);
    const start = after === undefined || after >= last || after < first ? first : after + 1n;
    for (const [from, to] of [
      [start, last],
      [first, start - 1n],
    ] as const) {
      for (const found of untaken(range, { from, to }, input)) {
        const freeAtMs = input.cooling?.freeAtMs(found.address);
        if (freeAtMs === undefined) return found;
        if (coolest === undefined || freeAtMs < coolest.freeAtMs) coolest = { ...found, freeAtMs };
      }
    }
  }
  return coolest;
}

// Examines as many addresses as are in use or cooldown, whatever the size of the range: blocks are skipped as a whole.
function* untaken(
  range: Prefix,
  { from, to }: { readonly from: bigint; readonly to: bigint },
  { taken, reserved = [], excluded = [] }: AllocationInput,
): Generator<Found> {
  let offset = from;
  while (offset <= to) {
    const address = addressAt(range, offset);
    if (address === undefined) return;
    const inBlock = (block: Prefix) => prefixContains(block, address);
    const block = excluded.find(inBlock) ?? reserved.find(inBlock);
    if (block !== undefined) {
      offset = offsetBehind(range, block);
      continue;
    }
    if (!taken.has(address)) yield { range, offset, address };
    offset++;
  }
}

function exhausted(family: AddressFamily, ranges: readonly Prefix[]): CniError {
  const text = `allocate an IPv${family} address: none is free in ${ranges.map(describeRange).join(', ')}`;
  return new CniError(cniErrorCode.noAddress, text, {
    details: 'delete pods of this node, or give its Node object another range',
  });
}

function describeRange(range: Prefix): string {
  const { first, last } = usableOffsets(range);
  const usable = last < first ? 0n : last - first + 1n;
  return `${range} (${usable} for pods)`;
}
