// iptables extensions with equivalent nftables matches, each by its own struct (linux/netfilter/xt_NAME.h,
// linux/netfilter_ipv4/ipt_NAME.h). They are evaluated like those matches.

import type { XtablesExpression } from '../../../kernel/netfilter/nft-xtables.ts';
import type { Expression } from './rule-set.ts';

/** Undefined: unknown extension or unknown value. */
export function sameMatches({ name, revision, info }: XtablesExpression): Expression[] | undefined {
  const reader = readers[name];
  if (reader === undefined || info.length < reader.bytes) return undefined;
  if (reader.revision !== undefined && reader.revision !== revision) return undefined;
  return reader.read(info);
}

interface Reader {
  readonly bytes: number;
  readonly revision?: number;
  read(info: Buffer): Expression[] | undefined;
}

function same(left: object, right: unknown, isInverted = false): Expression {
  return { match: { op: isInverted ? '!=' : '==', left, right } };
}

export function field(protocol: string, name: string): object {
  return { payload: { protocol, field: name } };
}

export function addressType(direction: 'saddr' | 'daddr'): object {
  return { fib: { result: 'type', flags: [direction] } };
}

/** Packets that `-m rpfilter` passes. */
export function reversePath(isInverted: boolean): Expression {
  return same({ fib: { result: 'oif', flags: ['saddr', 'iif'] } }, !isInverted);
}

const header = (name: string): Reader => ({
  bytes: 0,
  read: () => [same({ exthdr: { name } }, true)],
});
const hops = (protocol: string, name: string): Reader => ({
  bytes: 2,
  read: (info) => {
    const op = ['==', '!=', '<', '>'][info.readUInt8(0)];
    return [{ match: { op, left: field(protocol, name), right: info.readUInt8(1) } }];
  },
});
const mark = (left: object): Reader => ({
  bytes: 9,
  revision: 1,
  read: (info) => [
    same({ '&': [left, info.readUInt32LE(4)] }, info.readUInt32LE(0), info.readUInt8(8) !== 0),
  ],
});
const icmp = (protocol: string): Reader => ({
  bytes: 4,
  read: (info) => {
    const [type = 0, first, last, inverted] = info;
    if (type === 255) return [same({ meta: { key: 'l4proto' } }, protocol)];
    if (first !== 0 || last !== 255 || inverted !== 0) return undefined;
    return [same(field(protocol, 'type'), type)];
  },
});

const readers: Readonly<Record<string, Reader>> = {
  tcp: {
    bytes: 12,
    read: (info) => {
      const inverted = info.readUInt8(11);
      const [mask, wanted] = [info.readUInt8(9), info.readUInt8(10)];
      if (info.readUInt8(8) !== 0) return undefined;
      const flags = { '&': [field('tcp', 'flags'), mask] };
      return [...ports('tcp', info, inverted), same(flags, wanted, (inverted & 4) !== 0)];
    },
  },
  udp: { bytes: 9, read: (info) => ports('udp', info, info.readUInt8(8)) },
  icmp: icmp('icmp'),
  icmp6: icmp('icmpv6'),
  ttl: hops('ip', 'ttl'),
  hl: hops('ip6', 'hoplimit'),
  length: {
    bytes: 5,
    read: (info) => {
      const range = [info.readUInt16LE(0), info.readUInt16LE(2)];
      return [same({ meta: { key: 'length' } }, { range }, info.readUInt8(4) !== 0)];
    },
  },
  mark: mark({ meta: { key: 'mark' } }),
  connmark: mark({ ct: { key: 'mark' } }),
  addrtype: { bytes: 8, revision: 1, read: addressTypes },
  rpfilter: { bytes: 1, read: (info) => [reversePath((info.readUInt8(0) & 8) !== 0)] },
  owner: { bytes: 18, revision: 1, read: owners },
  rt: header('rt'),
  hbh: header('hbh'),
  dst: header('dst'),
  mh: header('mh'),
};

// struct xt_owner_match_info: first and last user, first and last group; which of them count, and which are inverted.
function owners(info: Buffer): Expression[] | undefined {
  const [wanted, inverted] = [info.readUInt8(16), info.readUInt8(17)];
  if ((wanted & ~3) !== 0) return undefined;
  return ['skuid', 'skgid'].flatMap((key, index) => {
    if ((wanted & (1 << index)) === 0) return [];
    const range = [info.readUInt32LE(index * 8), info.readUInt32LE(index * 8 + 4)];
    return [same({ meta: { key } }, { range }, (inverted & (1 << index)) !== 0)];
  });
}

// struct xt_tcp and xt_udp begin with first and last source port, then first and last destination port.
function ports(protocol: string, info: Buffer, inverted: number): Expression[] {
  return ['sport', 'dport'].map((name, index) => {
    const range = [info.readUInt16LE(index * 4), info.readUInt16LE(index * 4 + 2)];
    return same(field(protocol, name), { range }, (inverted & (1 << index)) !== 0);
  });
}

// RTN_* of linux/rtnetlink.h, as bits; XT_ADDRTYPE_INVERT_SOURCE and _DEST.
const routeTypes = ['unspec', 'unicast', 'local', 'broadcast', 'anycast', 'multicast'];

function addressTypes(info: Buffer): Expression[] | undefined {
  const flags = info.readUInt32LE(4);
  if ((flags & ~3) !== 0) return undefined;
  return (['saddr', 'daddr'] as const).flatMap((direction, index) => {
    const wanted = info.readUInt16LE(index * 2);
    if (wanted === 0) return [];
    const set = routeTypes.filter((_, bit) => (wanted & (1 << bit)) !== 0);
    return [same(addressType(direction), { set }, (flags & (1 << index)) !== 0)];
  });
}
