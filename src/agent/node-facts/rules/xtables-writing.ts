// iptables targets that write into a packet or its marks, each by its own struct (linux/netfilter/xt_NAME.h).

import type { XtablesExpression } from '../../../kernel/netfilter/nft-xtables.ts';
import type { Packet } from './packet.ts';
import { fieldOf } from './packet-fields.ts';
import type { Expression } from './rule-set.ts';
import type { Writing, WrittenValue } from './written-fields.ts';

/** Undefined: it writes nothing. */
export function targetWriting(statement: Expression, packet: Packet): Writing | undefined {
  const xt = statement['xt'] as XtablesExpression | undefined;
  if (xt?.kind !== 'target') return undefined;
  switch (xt.name) {
    case 'MARK':
      return written('meta mark', markOf(xt, packet));
    case 'CONNMARK':
      return connectionMark(xt, packet);
    case 'TTL':
    case 'HL':
      return hops(xt);
    case 'SNPT':
      return { ...written('source', undefined), what: 'snpt' };
    case 'DNPT':
      return { ...written('destination', undefined), what: 'dnpt' };
    default:
      return undefined;
  }
}

function written(name: string, value: WrittenValue): Writing {
  return { answer: 'yes', values: new Map([[name, value]]) };
}

const mark = { meta: { key: 'mark' } };
const kept = { ct: { key: 'mark' } };

function numberOf(left: object, packet: Packet): number | undefined {
  const value = fieldOf(left, packet);
  return typeof value === 'number' ? value : undefined;
}

// struct xt_mark_tginfo2: the new value, and the bits it replaces.
function markOf({ revision, info }: XtablesExpression, packet: Packet): WrittenValue {
  const before = numberOf(mark, packet);
  if (revision !== 2 || info.length < 8 || before === undefined) return undefined;
  return ((before & ~info.readUInt32LE(4)) ^ info.readUInt32LE(0)) >>> 0;
}

// struct xt_connmark_tginfo1: the value, masks of the connection's and the packet's mark, and the mode (set, save,
// restore).
function connectionMark({ revision, info }: XtablesExpression, packet: Packet): Writing {
  const unknown = {
    answer: 'yes',
    values: new Map([
      ['meta mark', undefined],
      ['ct mark', undefined],
    ]),
  } as const;
  const [own, ofConnection] = [numberOf(mark, packet), numberOf(kept, packet)];
  if (revision !== 1 || info.length < 13) return unknown;
  if (own === undefined || ofConnection === undefined) return unknown;
  const [value, connectionMask, packetMask] = [0, 4, 8].map((at) => info.readUInt32LE(at));
  if (value === undefined || connectionMask === undefined || packetMask === undefined)
    return unknown;
  switch (info.readUInt8(12)) {
    case 0:
      return written('ct mark', ((ofConnection & ~connectionMask) ^ value) >>> 0);
    case 1:
      return written('ct mark', ((ofConnection & ~connectionMask) ^ (own & packetMask)) >>> 0);
    case 2:
      return written('meta mark', ((own & ~packetMask) ^ (ofConnection & connectionMask)) >>> 0);
    default:
      return unknown;
  }
}

// struct ipt_TTL_info and ip6t_HL_info: mode (set, increase, decrease) and amount.
function hops({ name, info }: XtablesExpression): Writing {
  const isSet = info.length >= 2 && info.readUInt8(0) === 0;
  const value = isSet ? info.readUInt8(1) : undefined;
  const field = name === 'TTL' ? 'ip ttl' : 'ip6 hoplimit';
  const isLast = value !== undefined && value <= 1;
  return { ...written('hop limit', value), ...(isLast ? { what: `${field} set ${value}` } : {}) };
}
