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
  const { direct, queued } = packetMarks;
  const clear = `meta mark 0x${direct.toString(16)} meta mark set 0x0 notrack`;
  // Queued packets never pass here. A device of a container on top of one of the node's hands a mark of its own on.
  const forged = `meta mark 0x${queued.toString(16)} meta mark set 0x0`;
  return {
    collections: [],
    counters: [],
    chains: [
      {
        name: 'direct',
        at: { type: 'filter', hook: 'prerouting', priority: priorities.afterDefragmentation },
        rules: [clear, forged, ...more.map((name) => `jump ${name}`)],
      },
    ],
  };
}
