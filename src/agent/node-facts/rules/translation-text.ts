// Describes the translation of a rule (libnftables-json(5), and the targets of iptables-nft) for users.

import type { NftFamily } from '../../../kernel/netfilter/nft-family.ts';
import type { XtablesExpression } from '../../../kernel/netfilter/nft-xtables.ts';
import { decodeAddress } from '../../../kernel/netlink/protocol/attribute.ts';
import { type Expression, record } from './rule-set.ts';

const statements = ['snat', 'dnat', 'masquerade', 'redirect'] as const;

/** `snat to 192.0.2.1`. Undefined: it translates nothing, or only to values of a map. */
export function translationOf(statement: Expression, family: NftFamily): string | undefined {
  const kind = statements.find((each) => each in statement);
  if (kind !== undefined) return statementText(kind, record(statement[kind]) ?? {});
  const xt = statement['xt'] as XtablesExpression | undefined;
  return xt?.kind === 'target' ? targetText(xt, family) : undefined;
}

function statementText(kind: string, { addr, port }: Expression): string | undefined {
  const [to, at] = [placeText(addr), placeText(port)];
  if ((addr !== undefined && to === undefined) || (port !== undefined && at === undefined)) {
    return undefined;
  }
  const where = [to, at === undefined ? undefined : `port ${at}`].filter(
    (part) => part !== undefined,
  );
  return where.length === 0 ? kind : `${kind} to ${where.join(' ')}`;
}

// A map with a field as key may have no value for a packet; one with a drawn number as key always has one.
function placeText(value: unknown): string | undefined {
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  const { range, prefix, map } = record(value) ?? {};
  if (Array.isArray(range)) return range.map(String).join('-');
  if (prefix !== undefined) return Object.values(record(prefix) ?? {}).join('/');
  const key = record(record(map)?.['key']) ?? {};
  return ['numgen', 'jhash', 'symhash'].some((each) => each in key) ? 'one of several' : undefined;
}

const targets: Readonly<Record<string, string>> = {
  SNAT: 'snat',
  DNAT: 'dnat',
  NETMAP: 'netmap',
  MASQUERADE: 'masquerade',
  REDIRECT: 'redirect',
};

function targetText(
  { name, revision, info }: XtablesExpression,
  family: NftFamily,
): string | undefined {
  const kind = targets[name];
  if (kind === undefined || kind === 'masquerade' || kind === 'redirect') return kind;
  const address = addressIn(info, { family, revision, kind });
  return address === undefined ? kind : `${kind} to ${address}`;
}

// struct nf_nat_ipv4_multi_range_compat (a count, flags, addresses of four bytes), later struct nf_nat_range2 (flags,
// addresses of sixteen).
function addressIn(
  info: Buffer,
  what: { readonly family: NftFamily; readonly revision: number; readonly kind: string },
): string | undefined {
  const isShort = what.family === 'ip' && what.revision === 0;
  const start = isShort ? 8 : 4;
  const end = start + (what.family === 'ip6' ? 16 : 4);
  return info.length < end ? undefined : decodeAddress(info.subarray(start, end));
}
