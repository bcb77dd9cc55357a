// Description of a packet for facts about rules; such packets are never sent.

import type { Address } from '../../../net/address.ts';
import { protocols } from '../../../net/protocol.ts';

export interface Packet {
  readonly source: Address;
  readonly destination: Address;
  /** Interface names; absent: the node itself sends or receives the packet. */
  readonly input?: string | undefined;
  readonly output?: string | undefined;
  readonly protocol: keyof typeof protocols | 'esp';
  /** Absent for protocols without ports. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** ICMP or ICMPv6 type, with its nftables name. */
  readonly icmpType?: 'destination-unreachable' | 'packet-too-big';
  /** A later fragment, which has no transport header until it is reassembled. */
  readonly isLaterFragment?: boolean;
  /** State in connection tracking. */
  readonly state: 'new' | 'established' | 'related' | 'untracked';
  /** Whether its destination was translated, as for a packet to a host port. */
  readonly isTranslated?: boolean;
  /** Whether other software may have marked it. */
  readonly mayBeMarked?: boolean;
  /** Values that earlier rules have written, by the names in written-fields.ts; undefined: an unknown value. */
  readonly written?: ReadonlyMap<string, string | number | undefined>;
}

/** Values that a rule may give as a number instead of a name. */
export const numbers: Readonly<Record<string, number>> = {
  ...protocols,
  esp: 50,
  'destination-unreachable': 3,
  'packet-too-big': 2,
  ipv4: 2,
  ipv6: 10,
};

/** Whether a match applies to a packet. */
export type MatchResult = 'yes' | 'no' | 'unsure';

export function yesOrNo(isYes: boolean): MatchResult {
  return isYes ? 'yes' : 'no';
}
