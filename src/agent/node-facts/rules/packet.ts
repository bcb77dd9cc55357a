// A packet as facts about rules need it: a description, never sent.

import type { Address } from '../../../net/address.ts';
import { protocols } from '../../../net/protocol.ts';

export interface Packet {
  readonly source: Address;
  readonly destination: Address;
  /** Interface names; absent: the packet comes from the node, or goes to it. */
  readonly input?: string | undefined;
  readonly output?: string | undefined;
  readonly protocol: keyof typeof protocols | 'esp';
  /** Absent in protocols without ports. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** The type of ICMP or ICMPv6, as nftables names it. */
  readonly icmpType?: 'destination-unreachable' | 'packet-too-big';
  /** A later fragment, which has no header of its protocol, as long as it is not put together with the others. */
  readonly isLaterFragment?: boolean;
  /** As connection tracking has it. */
  readonly state: 'new' | 'established' | 'related' | 'untracked';
  /** Its destination was translated, as of a packet to a host port. */
  readonly isTranslated?: boolean;
  /** Others may have given it a mark. */
  readonly mayBeMarked?: boolean;
  /** What rules before have written, by the names of written-fields.ts; undefined: with a value that is not known. */
  readonly written?: ReadonlyMap<string, string | number | undefined>;
}

/** What a rule may give as a number instead of by name. */
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
