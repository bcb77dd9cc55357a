// `heddle services connections`: the current connections to Services, sorted by Service and client.

import type {
  AddressAndPort,
  ConnectionClient,
  ServiceConnection,
  ServiceConnections,
} from '../../api/service-connections.ts';
import { type Column, renderColumns } from './columns.ts';
import { hostText } from './services.ts';
import type { Style } from './style.ts';
import { formatCount, formatDuration, plural } from './units.ts';

const columns: readonly Column[] = [
  { heading: 'SERVICE' },
  { heading: 'CLIENT' },
  { heading: 'FRONTEND' },
  { heading: 'BACKEND' },
  { heading: 'WAY' },
  { heading: 'STATE' },
  { heading: 'EXPIRES', align: 'right' },
  { heading: 'SEEN AS' },
];

export function renderServiceConnections(
  { connections, cut }: ServiceConnections,
  style: Style,
): string {
  const bySocket = connections.filter(({ way }) => way === 'socket').length;
  const head = `${plural(connections.length, 'connection')}: ${formatCount(bySocket)} by the socket, ${formatCount(connections.length - bySocket)} by packets`;
  const more = cut === undefined ? [] : [style.notice(cutTexts[cut])];
  if (connections.length === 0) return [head, ...more].join('\n');
  const rows = connections.map(row).sort(compareRows);
  return [head, ...more, '', renderColumns(columns, rows, style)].join('\n');
}

const cutTexts: Readonly<Record<NonNullable<ServiceConnections['cut']>, string>> = {
  limit: 'there are more: --limit shows more of each way, NAME and --pod fewer',
  time: 'there are more: the agent stopped reading after some seconds; NAME and --pod ask for fewer',
};

function row(connection: ServiceConnection): readonly string[] {
  const { service, portName, protocol, client, frontend, backend, way, state } = connection;
  const { timeoutSeconds, masqueradedAs } = connection;
  return [
    service === undefined ? '-' : `${service}${portName === undefined ? '' : `:${portName}`}`,
    endText(client),
    `${placeText(frontend)}/${protocol}`,
    endText(backend),
    way,
    state,
    timeoutSeconds === undefined ? '-' : formatDuration(timeoutSeconds * 1000),
    masqueradedAs === undefined ? '' : placeText(masqueradedAs),
  ];
}

/** `shop/web-1 10.0.0.1:80`; a node by its name, anything else by its address alone. */
function endText(end: ConnectionClient): string {
  const { kind, pod, node, address, port } = end;
  const name =
    pod === undefined ? (kind === 'node' ? node : undefined) : `${pod.namespace}/${pod.name}`;
  const place = address === undefined || port === undefined ? [] : [placeText({ address, port })];
  const texts = [...(name === undefined ? [] : [name]), ...place];
  return texts.length === 0 ? '?' : texts.join(' ');
}

function placeText({ address, port }: AddressAndPort): string {
  return `${hostText(address)}:${port}`;
}

function compareRows(left: readonly string[], right: readonly string[]): number {
  const [first, second] = [left.join(' '), right.join(' ')];
  return first < second ? -1 : first > second ? 1 : 0;
}
