// Which flows `heddle flows` shows.

import type { FlowEnd, FlowLine, FlowRecord } from '../agent/api-types.ts';

export interface FlowFilter {
  /** A pod `namespace/name`, a namespace `shop/`, a node or an address; a port may follow: `shop/db-1:5432`. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly verdict?: FlowRecord['verdict'] | undefined;
}

/** Gaps always pass: what is missing may have matched. */
export function flowMatches(line: FlowLine, filter: FlowFilter): boolean {
  if (line.kind === 'gap') return true;
  if (filter.verdict !== undefined && filter.verdict !== line.verdict) return false;
  return endMatches(line.from, filter.from) && endMatches(line.to, filter.to);
}

function endMatches(end: FlowEnd, wanted: string | undefined): boolean {
  if (wanted === undefined) return true;
  return (
    nameMatches(end, wanted) ||
    (end.port !== undefined && nameMatches(end, withoutPort(wanted, end.port)))
  );
}

function nameMatches(end: FlowEnd, wanted: string): boolean {
  const { pod } = end;
  if (wanted === end.address || (end.kind === 'node' && wanted === end.node)) return true;
  if (pod === undefined) return false;
  return wanted === `${pod.namespace}/${pod.name}` || wanted === `${pod.namespace}/`;
}

/** `shop/db-1:5432` and `[2001:db8::1]:5432` without their port when it is `port`; '' matches nothing. */
function withoutPort(wanted: string, port: number): string {
  const suffix = `:${port}`;
  if (!wanted.endsWith(suffix)) return '';
  const name = wanted.slice(0, -suffix.length);
  return name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
}
