// Selects the flows that `heddle flows` shows.

import type { PodName } from '../api/endpoints.ts';
import type { FlowEndView, FlowLine, FlowRecord } from '../api/flows.ts';
import { namespacedName } from '../base/namespaced-name.ts';

export interface FlowFilter {
  /** A pod `namespace/name`, a namespace `shop/`, a node or an address; a port may follow: `shop/db-1:5432`. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly verdict?: FlowRecord['verdict'] | undefined;
}

/** Gaps always pass, because the missing flows may have matched. */
export function flowMatches(line: FlowLine, filter: FlowFilter): boolean {
  if (line.kind === 'gap') return true;
  if (filter.verdict !== undefined && filter.verdict !== line.verdict) return false;
  return sentBy(line, filter.from) && ledTo(line, filter.to);
}

/**
 * Compares with the actual sender and the claimed address, but not with the name of the pod that a spoofed address
 * belongs to.
 */
function sentBy({ from, by }: FlowRecord, wanted: string | undefined): boolean {
  if (endMatches(from, wanted)) return true;
  if (by === undefined || wanted === undefined) return false;
  const { pod, addresses } = by;
  return addresses.includes(wanted) || (pod !== undefined && podMatches(pod, wanted));
}

/** A flow of a Service is also found by the Service's address. */
function ledTo({ to, service }: FlowRecord, wanted: string | undefined): boolean {
  return (
    endMatches(to, wanted) ||
    (service !== undefined && endMatches({ ...service, kind: 'world' }, wanted))
  );
}

function podMatches(pod: PodName, wanted: string): boolean {
  return wanted === namespacedName(pod) || wanted === `${pod.namespace}/`;
}

function endMatches(end: FlowEndView, wanted: string | undefined): boolean {
  if (wanted === undefined) return true;
  return (
    nameMatches(end, wanted) ||
    (end.port !== undefined && nameMatches(end, withoutPort(wanted, end.port)))
  );
}

function nameMatches(end: FlowEndView, wanted: string): boolean {
  const { pod } = end;
  if (wanted === end.address || (end.kind === 'node' && wanted === end.node)) return true;
  return pod !== undefined && podMatches(pod, wanted);
}

/**
 * Removes the port from `shop/db-1:5432` and `[2001:db8::1]:5432` if it equals `port`; otherwise returns '', which
 * matches nothing.
 */
function withoutPort(wanted: string, port: number): string {
  const suffix = `:${port}`;
  if (!wanted.endsWith(suffix)) return '';
  const name = wanted.slice(0, -suffix.length);
  return name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
}
