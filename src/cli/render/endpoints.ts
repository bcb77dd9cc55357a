// `heddle endpoints`: the pods of a node with their sent and received traffic.

import type { EndpointTraffic, EndpointView, TrafficCount } from '../../api/endpoints.ts';
import { podOrContainer } from '../../base/namespaced-name.ts';
import { type Column, renderColumns } from './columns.ts';
import type { Style } from './style.ts';
import { formatBitRate, formatBytes, formatCount } from './units.ts';

const columns: readonly Column[] = [
  { heading: 'POD' },
  { heading: 'ADDRESSES' },
  { heading: 'INTERFACE' },
  { heading: 'ID', align: 'right' },
  { heading: 'MTU', align: 'right' },
  { heading: 'RECEIVED', align: 'right' },
  { heading: 'SENT', align: 'right' },
  { heading: 'DROPPED', align: 'right' },
];

export function renderEndpoints(endpoints: readonly EndpointView[], style: Style): string {
  if (endpoints.length === 0) return 'no pods on this node';
  if (
    endpoints.every(({ bandwidth, missingLimits }) => (bandwidth ?? missingLimits) === undefined)
  ) {
    return renderColumns(columns, endpoints.map(row), style);
  }
  const rows = endpoints.map((endpoint) => [...row(endpoint), limitText(endpoint)]);
  return renderColumns([...columns, { heading: 'LIMIT' }], rows, style);
}

function row(endpoint: EndpointView): string[] {
  const { traffic } = endpoint;
  return [
    podOrContainer(endpoint),
    endpoint.addresses.join(' '),
    endpoint.hostIfName,
    String(endpoint.id),
    String(endpoint.mtuBytes),
    traffic === undefined ? '-' : trafficText(traffic.ingress),
    traffic === undefined ? '-' : trafficText(traffic.egress),
    traffic === undefined ? '-' : formatCount(droppedPackets(traffic, endpoint)),
  ];
}

function droppedPackets(
  { ingress, egress }: EndpointTraffic,
  { queueDroppedPackets = 0 }: EndpointView,
): number {
  return ingress.droppedPackets + egress.droppedPackets + queueDroppedPackets;
}

function limitText({ bandwidth = {}, missingLimits = [] }: EndpointView): string {
  const { ingress, egress } = bandwidth;
  const parts = [
    ...(ingress === undefined ? [] : [`${formatBitRate(ingress.bitsPerSecond)} in`]),
    ...(egress === undefined ? [] : [`${formatBitRate(egress.bitsPerSecond)} out`]),
    ...missingLimits.map((direction) => (direction === 'ingress' ? 'in: MISSING' : 'out: MISSING')),
  ];
  return parts.length === 0 ? '-' : parts.join(', ');
}

function trafficText(count: TrafficCount): string {
  return `${formatBytes(count.bytes)} in ${formatCount(count.packets)}`;
}
