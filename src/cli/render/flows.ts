// `heddle flows`: one line per flow event. Column widths are fixed, because later lines are not known yet.

import type {
  FlowEndView,
  FlowGap,
  FlowLine,
  FlowRecord,
  FlowSender,
  FlowService,
} from '../../api/flows.ts';
import { unreachable } from '../../base/exhaustive.ts';
import { namespacedName } from '../../base/namespaced-name.ts';
import type { Style } from './style.ts';
import { formatBytes, formatCount, formatDuration, formatTime } from './units.ts';

export interface FlowsView {
  readonly style: Style;
  /** Width of the NODE column; 0 if only one node is shown. */
  readonly nodeWidth: number;
}

const widths = { time: 12, verdict: 7, from: 20, to: 30 };

export function renderFlowHeading({ style, nodeWidth }: FlowsView): string {
  const cells = ['TIME'.padEnd(widths.time), 'VERDICT', 'FROM'.padEnd(widths.from)];
  const node = nodeWidth === 0 ? [] : ['NODE'.padEnd(nodeWidth)];
  return style.quiet(
    [cells[0], ...node, cells[1], cells[2], 'TO'.padEnd(widths.to), 'DETAIL'].join('  '),
  );
}

export function renderFlowLine(line: FlowLine, node: string, view: FlowsView): string {
  const start = [
    formatTime(line.time),
    ...(view.nodeWidth === 0 ? [] : [node.padEnd(view.nodeWidth)]),
  ];
  switch (line.kind) {
    case 'flow':
      return [...start, ...flowCells(line, view.style)].join('  ');
    case 'gap':
      return [...start, view.style.notice(gapText(line))].join('  ');
    default:
      return unreachable(line);
  }
}

function flowCells(flow: FlowRecord, style: Style): string[] {
  const verdict =
    flow.verdict === 'dropped' ? style.alarm('DROPPED') : flow.verdict.padEnd(widths.verdict);
  return [
    verdict,
    (flow.by === undefined ? endName(flow.from) : senderName(flow.by)).padEnd(widths.from),
    `${endName(flow.to)}${portText(flow.to)}`.padEnd(widths.to),
    `${detail(flow)}${serviceText(flow.service)}`,
  ];
}

function senderName({ pod, addresses, node }: FlowSender): string {
  return pod === undefined ? (addresses[0] ?? node) : namespacedName(pod);
}

/** The pod, else the node, else the address. A `?` marks an end whose identity is not proven. */
function endName(end: FlowEndView): string {
  if (end.kind === 'unverified') return `${end.address}?`;
  if (end.pod !== undefined) return namespacedName(end.pod);
  if (end.kind === 'node' && end.node !== undefined) return end.node;
  return end.port !== undefined && end.address.includes(':') ? `[${end.address}]` : end.address;
}

function portText({ port }: FlowEndView): string {
  return port === undefined ? '' : `:${port}`;
}

function detail(flow: FlowRecord): string {
  switch (flow.verdict) {
    case 'allowed':
      return `${flow.protocol} new`;
    case 'closed':
      return `${flow.protocol} ${totalsText(flow)}`;
    case 'dropped':
      return `${packetText(flow)}${claimText(flow)}: ${flow.reason ?? 'no reason given'}`;
    default:
      return unreachable(flow.verdict);
  }
}

/** `, Service shop/web:http at 10.96.0.1:80` */
function serviceText(service: FlowService | undefined): string {
  if (service === undefined) return '';
  const { name = '-', portName, address, port } = service;
  const named = portName === undefined ? name : `${name}:${portName}`;
  return `, Service ${named} at ${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** The owner of the source address, if this pod sent the packet with an address that is not its own. */
function claimText({ by, from }: FlowRecord): string {
  return by === undefined ? '' : ` as ${from.address}`;
}

function packetText({ protocol, tcpFlags }: FlowRecord): string {
  return tcpFlags === undefined || tcpFlags.length === 0
    ? protocol
    : `${protocol} ${tcpFlags.join('+')}`;
}

function totalsText({ totals }: FlowRecord): string {
  if (totals === undefined) return 'closed';
  const { sent, received, durationMs, end } = totals;
  const idle = end === 'idle' ? ', idle' : '';
  return `${formatBytes(sent.bytes)} out, ${formatBytes(received.bytes)} in, ${formatDuration(durationMs)}${idle}`;
}

function gapText({ records, cause, by }: FlowGap): string {
  const whose = by === undefined ? '' : ` of ${senderName(by)}`;
  const count = `${formatCount(records)} ${records === 1 ? 'record' : 'records'}${whose} ${records === 1 ? 'is' : 'are'} missing here: `;
  switch (cause) {
    case 'slow reader':
      return `${count}this reader was too slow`;
    case 'suppressed':
      return `${count}over the data path's budget of events a second`;
    case 'ring full':
      return `${count}the ring buffer was full`;
    default:
      return unreachable(cause);
  }
}
