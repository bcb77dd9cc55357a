// Whether a routing rule applies to packets of pods or of the node.

import type { ListedRule } from '../../../kernel/netlink/rule.ts';
import { type Prefix, prefixesOverlap } from '../../../net/prefix.ts';
import { isEndpointName } from '../../../pods/interface/names.ts';

/** The sender: pods of this node, or the node itself, whose kubelet probes them. */
export type Sender = 'pods' | 'node';

export interface RoutedPackets {
  readonly sender: Sender;
  /** A pod range of this node, or an address of the node. */
  readonly source: Prefix;
  /** The destinations. */
  readonly range: Prefix;
}

/**
 * For packets without marks. A rule for a user, a protocol or a port does not count, because it affects only some
 * packets.
 */
export function applies(rule: ListedRule, { sender, source, range }: RoutedPackets): boolean {
  if (rule.selectsMore) return false;
  const { from, to, mark, inputInterface, outputInterface } = rule;
  const comesIn = sender === 'pods' ? isEndpointName : (name: string) => name === 'lo';
  const selects =
    (from === undefined || prefixesOverlap(from, source)) &&
    (to === undefined || prefixesOverlap(to, range)) &&
    (mark === undefined || (mark.value & mark.mask) === 0) &&
    (inputInterface === undefined || comesIn(inputInterface)) &&
    outputInterface === undefined;
  return rule.isInverted ? !selects : selects;
}
