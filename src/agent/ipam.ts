// Which address a new pod gets: pure, over the node's pod ranges and the addresses that endpoint records hold. Nothing
// about allocation is stored anywhere else, so addresses and endpoints cannot drift apart.

import { CniError, cniErrorCode } from '../cni/error.ts';
import { type Address, type AddressFamily, addressBytes } from '../net/address.ts';
import {
  addressAt,
  familyBits,
  type Prefix,
  prefixAddress,
  prefixContains,
  prefixFamily,
  prefixLength,
} from '../net/prefix.ts';

/** Where the search in each range went last. Rotation keeps a freed address out of use as long as others are free:
 * connections and caches of its last owner die out first. */
export type Rotation = ReadonlyMap<Prefix, bigint>;

export interface Allocation {
  /** One for each family that the node has a range of, IPv4 first. */
  readonly addresses: readonly Address[];
  readonly rotation: Rotation;
}

export interface AllocationInput {
  /** The Node's `spec.podCIDRs`. */
  readonly ranges: readonly Prefix[];
  readonly taken: ReadonlySet<Address>;
  readonly rotation: Rotation;
}

/** Throws CniError (tryLater) naming the ranges when there are none, or none with a free address. */
export function allocate({ ranges, taken, rotation }: AllocationInput): Allocation {
  const addresses: Address[] = [];
  const next = new Map(rotation);
  for (const family of [4, 6] as const) {
    const candidates = ranges.filter((range) => prefixFamily(range) === family);
    if (candidates.length === 0) continue;
    const found = firstFree(candidates, taken, rotation);
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

function firstFree(
  ranges: readonly Prefix[],
  taken: ReadonlySet<Address>,
  rotation: Rotation,
): Found | undefined {
  for (const range of ranges) {
    const { first, last } = usableOffsets(range);
    const after = rotation.get(range);
    let offset = after === undefined || after >= last || after < first ? first : after + 1n;
    // At most one more look than there are taken addresses, whatever the size of the range.
    for (let looks = last - first + 1n; looks > 0n; looks--) {
      const address = addressAt(range, offset);
      if (address !== undefined && !taken.has(address)) return { range, offset, address };
      offset = offset === last ? first : offset + 1n;
    }
  }
  return undefined;
}

// Reserved: the network address (in IPv6 the routers' anycast address, RFC 4291 section 2.6.1), the first address,
// which is the node's own in the range, and IPv4's broadcast address.
function usableOffsets(range: Prefix): { readonly first: bigint; readonly last: bigint } {
  const family = prefixFamily(range);
  const size = 1n << BigInt(familyBits(family) - prefixLength(range));
  return { first: 2n, last: family === 4 ? size - 2n : size - 1n };
}

function offsetIn(range: Prefix, address: Address): bigint {
  return addressNumber(address) - addressNumber(prefixAddress(range));
}

function addressNumber(address: Address): bigint {
  return addressBytes(address).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function exhausted(family: AddressFamily, ranges: readonly Prefix[]): CniError {
  return new CniError(
    cniErrorCode.tryLater,
    `allocate an IPv${family} address: none is free in ${ranges.map(describeRange).join(', ')}`,
    { details: 'addresses come free when pods on this node are deleted' },
  );
}

function describeRange(range: Prefix): string {
  const { first, last } = usableOffsets(range);
  const usable = last < first ? 0n : last - first + 1n;
  return `${range} (${usable} for pods)`;
}
