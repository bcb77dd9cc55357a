// Address blocks that belong to no pod and no node, whoever claims them (RFC 6890 and the registries it names).

import { parseAddress } from '../../net/address.ts';
import { hostPrefix, type Prefix, parsePrefix } from '../../net/prefix.ts';
import { type OrderedPrefix, orderedPrefix, overlap } from '../prefix-order.ts';

interface SpecialRange {
  readonly ordered: OrderedPrefix;
  readonly prefix: Prefix;
  readonly what: string;
}

const specialRanges: readonly SpecialRange[] = [
  special('0.0.0.0/8', 'this network'),
  special('127.0.0.0/8', 'loopback'),
  special('169.254.0.0/16', 'link-local, with the metadata services of clouds'),
  special('192.0.0.0/24', 'protocol assignments, with a metadata service'),
  special('224.0.0.0/4', 'multicast'),
  special('240.0.0.0/4', 'reserved, with the broadcast address'),
  special(hostPrefix(parseAddress('::')), 'the unspecified address'),
  special(hostPrefix(parseAddress('::1')), 'loopback'),
  special('::/96', 'IPv4 addresses written as IPv6'),
  special('::ffff:0:0:0/96', 'IPv4 addresses translated to IPv6'),
  special('64:ff9b::/96', 'NAT64'),
  special('64:ff9b:1::/48', 'NAT64'),
  special('100::/64', 'discarded'),
  special('2001::/23', 'protocol assignments, with Teredo'),
  special('2002::/16', '6to4'),
  special('2620:4f:8000::/48', 'AS112'),
  special('5f00::/16', 'segment routing'),
  special('fe80::/10', 'link-local'),
  special('fec0::/10', 'site-local'),
  special('ff00::/8', 'multicast'),
];

// Clouds place these in otherwise ordinary blocks.
const metadataRanges: readonly SpecialRange[] = [
  special('100.100.100.200/32', 'Alibaba Cloud'),
  special('168.63.129.16/32', 'Azure'),
  special('fd00:ec2::/64', 'AWS'),
  special('fd20:ce::254/128', 'Google Cloud'),
  special('fd00:c1::a9fe:a9fe/128', 'Oracle Cloud'),
  special('fd00:42::42/128', 'Scaleway'),
  special('fd00:a9fe:a9fe::1/128', 'Akamai'),
];

// A constant, because `parsePrefix` refuses it.
const mappedBits = 96;
const mapped: OrderedPrefix = {
  prefix: '::ffff:0:0/96' as Prefix,
  family: 6,
  bits: mappedBits,
  digits: `${'0'.repeat(20)}ffff${'0'.repeat(8)}`,
};

/**
 * The shortest prefix that a node can have for its pods. Anything shorter is a mistake, or takes half of the Internet.
 */
const leastLength = { 4: 8, 6: 16 } as const;

/** Why no one can have it, as text that follows the range or address; undefined if there is no reason. */
function specialFlaw(range: OrderedPrefix): string | undefined {
  const found = specialRanges.find(({ ordered }) => overlap(ordered, range));
  if (found !== undefined) return `overlaps ${found.prefix} (${found.what})`;
  if (range.family === 6 && overlap(mapped, range)) {
    return `overlaps ${mapped.prefix} (IPv4 addresses written as IPv6)`;
  }
  return undefined;
}

/** Why no node can have this address: like `specialFlaw`, and for metadata services. */
export function addressFlaw(address: OrderedPrefix): string | undefined {
  return specialFlaw(address) ?? metadataFlaw(address);
}

/** It overlaps a metadata service of a cloud, which need not be this cluster's. */
export function metadataFlaw(range: OrderedPrefix): string | undefined {
  const found = metadataRanges.find(({ ordered }) => overlap(ordered, range));
  return found && `overlaps ${found.prefix} (metadata service of ${found.what})`;
}

/** So narrow that it can be aimed at one address. */
export function isNarrow({ bits }: OrderedPrefix): boolean {
  return bits > narrowBits;
}

// 256 addresses, of either family: a node's usual range is not narrow.
const narrowBits = 120;

/** Like `specialFlaw`, and for ranges shorter than a node's can be. */
export function rangeFlaw(range: OrderedPrefix): string | undefined {
  const least = leastLength[range.family];
  const length = range.family === 4 ? range.bits - mappedBits : range.bits;
  if (length < least) return `is shorter than /${least}`;
  return specialFlaw(range);
}

// All other addresses are public: RFC 1918, 6598, 2544, 5737, 4193, 3849, 9637.
const privateRanges = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '198.18.0.0/15',
  '192.0.2.0/24',
  '198.51.100.0/24',
  '203.0.113.0/24',
  'fc00::/7',
  '2001:db8::/32',
  '3fff::/20',
].map((text) => orderedPrefix(parsePrefix(text)));

/** Whether a range contains public addresses. */
export function isPublic(range: OrderedPrefix): boolean {
  return !privateRanges.some((known) => known.bits <= range.bits && overlap(known, range));
}

function special(text: string, what: string): SpecialRange {
  const prefix = parsePrefix(text);
  return { prefix, ordered: orderedPrefix(prefix), what };
}
