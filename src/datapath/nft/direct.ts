// Packets of direct flows that pass the stack nevertheless: fragments, and packets that are too long for the way.
// Connection tracking has seen nothing else of such a flow and would take them for connections of their own, which
// foreign rules translate: `-o eth0 -j MASQUERADE` would give the fragmented answer of a pod the address of the node.

import { packetMarks } from '../../model/ids.ts';
import { priorities, type TableContents } from './rule-text.ts';

/**
 * After fragments are reassembled, and before foreign rules could see the mark. `more`: chains whose packets are judged
 * at this place, too; each further base chain would cost every packet.
 */
export function directRules(more: readonly string[]): TableContents {
  const clear = `meta mark 0x${packetMarks.direct.toString(16)} meta mark set 0x0 notrack`;
  return {
    collections: [],
    counters: [],
    chains: [
      {
        name: 'direct',
        at: { type: 'filter', hook: 'prerouting', priority: priorities.afterDefragmentation },
        rules: [clear, ...more.map((name) => `jump ${name}`)],
      },
    ],
  };
}
