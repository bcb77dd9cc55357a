// Whether a routing rule applies to packets of pods or of the node.

import type { ListedRule } from '../../../kernel/netlink/rule.ts';
import { type Prefix, prefixesOverlap } from '../../../net/prefix.ts';
import { isEndpointName } from '../../../pods/interface/names.ts';

/** Who sends: pods of this node, or the node, whose kubelet probes them. */
export type Sender = 'pods' | 'node';

export interface RoutedPackets {
  readonly sender: Sender;
  /** A range of this node's pods, or its own address. */
  readonly source: Prefix;
  /** The destinations. */
  readonly range: Prefix;
}

/** Of packets without marks. What asks for a user, a protocol or a port is for few of them. */
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
