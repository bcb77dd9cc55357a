// `heddle nodes`: the cluster as this node sees it.

import type { NodeView } from '../../api/nodes.ts';
import { type Column, renderColumns } from './columns.ts';
import type { Style } from './style.ts';
import { formatCount } from './units.ts';

const columns: readonly Column[] = [
  { heading: 'NODE' },
  { heading: 'ADDRESSES' },
  { heading: 'POD RANGES' },
  { heading: 'PODS', align: 'right' },
  { heading: '' },
];

export function renderNodes(nodes: readonly NodeView[], style: Style): string {
  if (nodes.length === 0) return 'the cluster has no nodes: is there a Node object in it?';
  const rows = nodes.map((node) => [
    node.name,
    node.addresses.map((address) => shownAddress(node, address)).join(' '),
    node.podCidrs.join(' '),
    formatCount(node.pods),
    node.self ? 'this node' : '',
  ]);
  return renderColumns(columns, rows, style);
}

function shownAddress({ unverified = [] }: NodeView, address: string): string {
  return unverified.includes(address) ? `${address} (unverified)` : address;
}
