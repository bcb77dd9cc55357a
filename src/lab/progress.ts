// Progress lines while a lab starts.

import { namespacedName } from '../base/namespaced-name.ts';
import type { LabNodeRecord, LabRecord } from './record.ts';

/** `ok  node-1  agent ready in 1.1 s   10.200.0.11  fd00:200::11   pods 10.201.1.0/24  fd00:201:1::/64` */
export function nodeLines({ nodes }: LabRecord): readonly string[] {
  const rows = nodes.map((node) => [
    node.name,
    agentText(node),
    ...node.addresses,
    'pods',
    ...node.podCidrs,
  ]);
  return aligned(rows).map((line) => `  ok  ${line}`);
}

export function podLine({ pods }: LabRecord, durationMs: number): string {
  const waiting = pods.filter((pod) => pod.state !== 'running');
  const count = `${pods.length - waiting.length} pods in ${seconds(durationMs)}`;
  if (waiting.length === 0) return `  ok  ${count}`;
  const why = waiting.map((pod) => `${namespacedName(pod)}: ${pod.problem ?? pod.state}`);
  return `  --  ${count}, not running:\n${why.map((line) => `      ${line}`).join('\n')}`;
}

/** `2 nodes, 6 pods, native routing, IPv4 + IPv6` */
export function labTitle({ nodes, pods, mode }: LabRecord, podCount: number = pods.length): string {
  const ranges = nodes.flatMap((node) => node.podCidrs);
  const families = [
    ...(ranges.some((range) => !range.includes(':')) ? ['IPv4'] : []),
    ...(ranges.some((range) => range.includes(':')) ? ['IPv6'] : []),
  ];
  const routing = mode === 'native' ? 'native routing' : 'VXLAN overlay';
  return `${count(nodes.length, 'node')}, ${count(podCount, 'pod')}, ${routing}, ${families.join(' + ')}`;
}

export function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}

/** Pads columns to their widest cell. */
export function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function agentText({ agent }: LabNodeRecord): string {
  return agent.readyAfterMs === undefined
    ? `agent ${agent.state}`
    : `agent ready in ${seconds(agent.readyAfterMs)}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
