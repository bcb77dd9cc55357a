// Which address a new pod gets: pure, over the node's pod ranges and the addresses that endpoint records hold. Nothing
// about allocation is stored anywhere else, so addresses and endpoints cannot drift apart.

import { CniError, cniErrorCode } from '../cni/error.ts';
import { type Address, type AddressFamily, addressFamily } from '../net/address.ts';
import { addressAt, type Prefix, prefixContains, prefixFamily } from '../net/prefix.ts';
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

export interface AllocationInput {
  /** The Node's `spec.podCIDRs`, in the order in which they are filled. */
  readonly ranges: readonly Prefix[];
  readonly taken: ReadonlySet<Address>;
  readonly rotation: Rotation;
  /** Given to nobody for now. */
  readonly cooling?: { has(address: Address): boolean } | undefined;
  /** Only for pods that ask for one by name. */
  readonly reserved?: readonly Prefix[] | undefined;
  /** For no pod. */
  readonly excluded?: readonly Prefix[] | undefined;
  /** What the pod asks for by name, at most one a family. */
  readonly fixed?: readonly Address[] | undefined;
}

/** Throws CniError naming the ranges: noAddress when endpoints hold every address of a family, tryLater when some of
 * them only cool down or the node has no ranges yet; and what `checkFixedAddress` throws. */
export function allocate(input: AllocationInput): Allocation {
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
    if (found.kind === 'none') throw exhausted(family, candidates, found.cooling);
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
  readonly kind: 'found';
  readonly range: Prefix;
  readonly offset: bigint;
  readonly address: Address;
}

interface None {
  readonly kind: 'none';
  /** How many would be free if they were not cooling down. */
  readonly cooling: number;
}

function firstFree(ranges: readonly Prefix[], input: AllocationInput): Found | None {
  let cooling = 0;
  for (const range of ranges) {
    const { first, last } = usableOffsets(range);
    const after = input.rotation.get(range);
    const start = after === undefined || after >= last || after < first ? first : after + 1n;
    for (const [from, to] of [
      [start, last],
      [first, start - 1n],
    ] as const) {
      const found = scan(range, { from, to }, input);
      if (found.kind === 'found') return found;
      cooling += found.cooling;
    }
  }
  return { kind: 'none', cooling };
}

// As many looks as there are addresses taken or cooling, whatever the size of the range: blocks are skipped whole.
function scan(
  range: Prefix,
  { from, to }: { readonly from: bigint; readonly to: bigint },
  { taken, cooling, reserved = [], excluded = [] }: AllocationInput,
): Found | None {
  let seenCooling = 0;
  let offset = from;
  while (offset <= to) {
    const address = addressAt(range, offset);
    if (address === undefined) break;
    const inBlock = (block: Prefix) => prefixContains(block, address);
    const block = excluded.find(inBlock) ?? reserved.find(inBlock);
    if (block !== undefined) {
      offset = offsetBehind(range, block);
      continue;
    }
    if (!taken.has(address)) {
      if (cooling?.has(address) !== true) return { kind: 'found', range, offset, address };
      seenCooling++;
    }
    offset++;
  }
  return { kind: 'none', cooling: seenCooling };
}

function exhausted(family: AddressFamily, ranges: readonly Prefix[], cooling: number): CniError {
  const text = `allocate an IPv${family} address: none is free in ${ranges.map(describeRange).join(', ')}`;
  if (cooling > 0) {
    return new CniError(cniErrorCode.tryLater, `${text}; ${cooling} cool down after their pods`, {
      details: 'ipam.cooldownMs says how long; the runtime may try again',
    });
  }
  return new CniError(cniErrorCode.noAddress, text, {
    details: 'delete pods of this node, or give its Node object another range',
  });
}

function describeRange(range: Prefix): string {
  const { first, last } = usableOffsets(range);
  const usable = last < first ? 0n : last - first + 1n;
  return `${range} (${usable} for pods)`;
}
