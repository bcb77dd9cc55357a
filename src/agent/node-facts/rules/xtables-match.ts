// Whether an iptables match applies to a described packet: common filter extensions, each by its own struct. All others
// are `unsure`.

import type { XtablesExpression } from '../../../kernel/netfilter/nft-xtables.ts';
import { type MatchResult, type Packet, yesOrNo } from './packet.ts';
import { fieldOf } from './packet-fields.ts';
import type { Expression } from './rule-set.ts';
import { field, sameMatches } from './xtables-same.ts';

/** `matches`: evaluates the equivalent nftables matches. */
export function xtAnswer(
  xt: XtablesExpression | undefined,
  packet: Packet,
  matches: (expression: Expression, packet: Packet) => MatchResult,
): MatchResult {
  if (xt === undefined || xt.kind === 'target') return 'unsure';
  const { name, revision, info } = xt;
  if (name === 'comment' || name === 'nfacct') return 'yes';
  // Matches packets of bridge ports.
  if (name === 'physdev') return 'no';
  if (name === 'conntrack' && revision >= 2 && info.length >= 154)
    return conntrackAnswer(info, packet);
  if (name === 'state' && info.length >= 4) {
    return yesOrNo((info.readUInt32LE(0) & stateBits[packet.state]) !== 0);
  }
  if (name === 'multiport' && revision === 1 && info.length >= 48) return portsAnswer(info, packet);
  const same = sameMatches(xt);
  if (same === undefined) return 'unsure';
  const answers = same.map((each) => matches(each, packet));
  if (answers.includes('no')) return 'no';
  return answers.includes('unsure') ? 'unsure' : 'yes';
}

/** `-m conntrack --ctstate STATES`, as iptables-nft would have written it. */
export function stateMatch(states: readonly string[], isInverted: boolean): XtablesExpression {
  const info = Buffer.alloc(168);
  info.writeUInt16LE(stateFlag, 146);
  info.writeUInt16LE(isInverted ? stateFlag : 0, 148);
  const named: Readonly<Record<string, number>> = { ...stateBits, ...otherStateBits };
  const bits = states.map((state) => named[state.toLowerCase()] ?? 0);
  info.writeUInt16LE(
    bits.reduce((all, bit) => all | bit, 0),
    150,
  );
  return { kind: 'match', name: 'conntrack', revision: 3, info };
}

// XT_CONNTRACK_STATE and XT_CONNTRACK_STATE_* (linux/netfilter/xt_conntrack.h)
const stateFlag = 1;
const stateBits = { established: 1 << 1, related: 1 << 2, new: 1 << 3, untracked: 1 << 8 } as const;
const otherStateBits = { invalid: 1 << 0, snat: 1 << 6, dnat: 1 << 7 } as const;

// struct xt_conntrack_mtinfo3, which begins like mtinfo2.
function conntrackAnswer(info: Buffer, packet: Packet): MatchResult {
  const matchFlags = info.readUInt16LE(146);
  const isInverted = (info.readUInt16LE(148) & stateFlag) !== 0;
  const wanted = info.readUInt16LE(150);
  const own = stateBits[packet.state] | (packet.isTranslated === true ? otherStateBits.dnat : 0);
  const isState = (wanted & own) !== 0;
  if ((matchFlags & stateFlag) !== 0 && isState === isInverted) return 'no';
  return (matchFlags & ~stateFlag) === 0 ? 'yes' : 'unsure';
}

// struct xt_multiport_v1: flags (0 source, 1 destination, 2 either), count, 15 ports, which of them begin a range,
// inverted.
function portsAnswer(info: Buffer, packet: Packet): MatchResult {
  if (packet.sourcePort === undefined || packet.isLaterFragment === true) return 'no';
  const sourcePort = fieldOf(field('th', 'sport'), packet);
  const destinationPort = fieldOf(field('th', 'dport'), packet);
  if (typeof sourcePort !== 'number' || typeof destinationPort !== 'number') return 'unsure';
  const flags = info.readUInt8(0);
  const wanted =
    flags === 0 ? [sourcePort] : flags === 1 ? [destinationPort] : [sourcePort, destinationPort];
  let isIn = false;
  for (let index = 0; index < Math.min(info.readUInt8(1), 15); index++) {
    const first = info.readUInt16LE(2 + 2 * index);
    const isRange = info.readUInt8(32 + index) !== 0 && index < 14;
    const last = isRange ? info.readUInt16LE(4 + 2 * index) : first;
    if (isRange) index++;
    isIn ||= wanted.some((port) => port >= first && port <= last);
  }
  return yesOrNo(isIn !== (info.readUInt8(47) !== 0));
}
