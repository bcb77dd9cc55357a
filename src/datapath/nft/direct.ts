// Packets of flows that go straight past the stack, and pass it all the same: fragments, and what is too long for the way.
// Connection tracking has seen nothing else of such a flow and would take them for connections of their own, which rules of
// others translate: `-o eth0 -j MASQUERADE` would give the fragmented answer of a pod the address of the node.

import { priorities, type TableContents } from './rule-text.ts';

/** DIRECT_MARK of bpf/owner.h, which the programs set where no packet of a pod or of the network has a mark. */
const directMark = '0x68656464';

/** After fragments are put together, and before others' rules could see the mark. */
export const directRules: TableContents = {
  collections: [],
  counters: [],
  chains: [
    {
      name: 'direct',
      at: { type: 'filter', hook: 'prerouting', priority: priorities.afterDefragmentation },
      rules: [`meta mark ${directMark} meta mark set 0x0 notrack`],
    },
  ],
};
