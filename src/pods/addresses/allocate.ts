// Which address a new pod gets: pure, over the node's pod ranges and the addresses that endpoint records hold. Nothing
// about allocation is stored anywhere else, so addresses and endpoints cannot drift apart.

import { CniError, cniErrorCode } from '../../cni/error.ts';
import { type Address, type AddressFamily, addressFamily } from '../../net/address.ts';
import { addressAt, type Prefix, prefixContains, prefixFamily } from '../../net/prefix.ts';
import { checkFixedAddress } from './fixed-address.ts';
import { offsetBehind, offsetIn, usableOffsets } from './pod-range.ts';

/** Where the search in each range went last. Rotation keeps a freed address out of use as long as others are free:
 * connections and caches of its last owner die out first. */
export type Rotation = ReadonlyMap<Prefix, bigint>;

export interface Allocation {
  /** One for each family that the node has a range of, IPv4 first. */
  readonly addresses: readonly Address[];
  readonly rotation: Rotation;
}

export interface CoolingAddresses {
  /** When it is free again, on a clock of its own; undefined for one that does not cool down. */
  freeAtMs(address: Address): number | undefined;
}

export interface AllocationInput {
  /** The Node's `spec.podCIDRs`, in the order in which they are filled. */
  readonly ranges: readonly Prefix[];
  readonly taken: ReadonlySet<Address>;
  readonly rotation: Rotation;
  /** Given to nobody as long as others are free. */
  readonly cooling?: CoolingAddresses | undefined;
  /** Only for pods that ask for one by name. */
  readonly reserved?: readonly Prefix[] | undefined;
  /** For no pod. */
  readonly excluded?: readonly Prefix[] | undefined;
  /** What the pod asks for by name, at most one a family. */
  readonly fixed?: readonly Address[] | undefined;
}

/**
 * Where all that is free cools down, the one that has cooled longest is given: a pod that waits for its address is worse than
 * one that gets a stray packet. Throws CniError naming the ranges: noAddress when endpoints hold every address of a family,
 * tryLater when the node has no ranges yet; and what `checkFixedAddress` throws.
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

/** The rotation to start with after a restart: behind each range's newest address. `addresses`: oldest first. */
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

// As many looks as there are addresses taken or cooling, whatever the size of the range: blocks are skipped whole.
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
