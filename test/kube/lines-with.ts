// Entries about something in a node's tables, read with the node's own tools.

import type { KubeCluster } from './cluster/cluster.ts';
import { linesOf } from './traces.ts';

/** Lines of a node's routes, tunnel, neighbour, map and address translation tables that contain one of these words. */
export async function linesWith(
  cluster: KubeCluster,
  node: string,
  words: readonly string[],
): Promise<readonly string[]> {
  const lines = await linesOf(
    cluster,
    node,
    `ip route show table all; ip -6 route show table all
ip neigh show proto 72
ip neigh show proto 73 | grep managed
bridge fdb show
nft list table inet heddle
for map in addresses routes; do
  curl -sS --unix-socket /run/heddle/agent.sock "http://heddle/v1/maps/$map" | tr '{' '\\n' | sed "s/^/$map /"
done`,
  );
  const isMeant = words.map((word) => new RegExp(`(^|[^0-9a-f:.])${escaped(word)}($|[^0-9a-f:.])`));
  return lines.filter((line) => isMeant.some((expression) => expression.test(line)));
}

function escaped(word: string): string {
  return word.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
