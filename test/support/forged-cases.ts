// The table of forbidden packets, and of allowed ones next to them: the sender, the packet and the expected result. The
// lab has alice and mallory on node-1, bob on node-2, and node-3.

import { forgeErrorsAsNode, forgeErrorsOfNode, speakAsNeighbourOfNode } from './forged-by-node.ts';
import {
  forgeErrors,
  fragmentTunnelPackets,
  sendMartians,
  sendSourceRoutes,
  sendWithoutRights,
  spoof,
} from './forged-by-pods.ts';
import {
  sendFromNode,
  sendFromWorld,
  sendThroughTunnel,
  sendUnread,
  sendWithPriority,
} from './forged-from-outside.ts';
import { CaseList, type ForgedCase, type LabPlan } from './forged-list.ts';
import { families } from './packets.ts';

export function forgedCases(plan: LabPlan): readonly ForgedCase[] {
  const list = new CaseList(plan);
  for (const family of families) {
    sendWithoutRights(list, family);
    spoof(list, family);
    forgeErrors(list, family);
    sendFromWorld(list, family);
    sendFromNode(list, family);
    sendWithPriority(list, family);
    forgeErrorsOfNode(list, family);
    forgeErrorsAsNode(list, family);
    if (list.isTunnelled) fragmentTunnelPackets(list, family);
  }
  sendUnread(list);
  if (list.isTunnelled) sendThroughTunnel(list);
  speakAsNeighbourOfNode(list);
  sendMartians(list);
  sendSourceRoutes(list);
  return list.cases;
}
