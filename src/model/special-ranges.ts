// Blocks of addresses that belong to no pod and to no node, whoever claims them (RFC 6890 and the registries it names).

import { parseAddress } from '../net/address.ts';
import { hostPrefix, type Prefix, parsePrefix } from '../net/prefix.ts';
import { type OrderedPrefix, orderedPrefix, overlap } from './prefix-order.ts';

interface SpecialRange {
  readonly ordered: OrderedPrefix;
  readonly prefix: Prefix;
  readonly what: string;
}

const specialRanges: readonly SpecialRange[] = [
  special('0.0.0.0/8', 'this network'),
  special('127.0.0.0/8', 'loopback'),
  special('169.254.0.0/16', 'link-local, with the metadata services of clouds'),
  special('224.0.0.0/4', 'multicast'),
  special('240.0.0.0/4', 'reserved, with the broadcast address'),
  special(hostPrefix(parseAddress('::')), 'the unspecified address'),
  special(hostPrefix(parseAddress('::1')), 'loopback'),
  special('fe80::/10', 'link-local'),
  special('ff00::/8', 'multicast'),
];

// Written by hand: a Prefix of mapped addresses is refused where it is parsed.
const mappedBits = 96;
const mapped: OrderedPrefix = {
  prefix: '::ffff:0:0/96' as Prefix,
  family: 6,
  bits: mappedBits,
  digits: `${'0'.repeat(20)}ffff${'0'.repeat(8)}`,
};

/** The shortest range that one node can have for its pods: anything shorter is a mistake, or takes half of the Internet. */
const leastLength = { 4: 8, 6: 16 } as const;

/** Why it can be nobody's, in words that follow the range or address; undefined where nothing speaks against it. */
export function specialFlaw(range: OrderedPrefix): string | undefined {
  const found = specialRanges.find(({ ordered }) => overlap(ordered, range));
  if (found !== undefined) return `overlaps ${found.prefix} (${found.what})`;
  if (range.family === 6 && overlap(mapped, range)) {
    return `overlaps ${mapped.prefix} (IPv4 addresses written as IPv6)`;
  }
  return undefined;
}

/** As `specialFlaw`, and for what is shorter than a node's range can be. */
export function rangeFlaw(range: OrderedPrefix): string | undefined {
  const least = leastLength[range.family];
  const length = range.family === 4 ? range.bits - mappedBits : range.bits;
  if (length < least) return `is shorter than /${least}`;
  return specialFlaw(range);
}

// Everything else of IPv4 belongs to somebody in the Internet: RFC 1918, 6598, 2544, 5737, 6890.
const privateRanges = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '198.18.0.0/15',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '198.51.100.0/24',
  '203.0.113.0/24',
].map((text) => orderedPrefix(parsePrefix(text)));

/** An IPv4 range that has addresses of the Internet; of IPv6 addresses every site's are. */
export function isPublic(range: OrderedPrefix): boolean {
  if (range.family === 6) return false;
  return !privateRanges.some((known) => known.bits <= range.bits && overlap(known, range));
}

function special(text: string, what: string): SpecialRange {
  const prefix = parsePrefix(text);
  return { prefix, ordered: orderedPrefix(prefix), what };
}
