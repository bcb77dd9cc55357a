// `heddle status`: one screen per node. The first line is the answer.

import type { ProblemKind } from '../../api/problem.ts';
import type { DropsView, NodeStatus, TableView } from '../../api/status.ts';
import { unreachable } from '../../base/exhaustive.ts';
import { apiServerLines } from './api-server.ts';
import { wrapItems } from './columns.ts';
import type { Style } from './style.ts';
import { formatAge, formatCount, formatDuration, formatPercent, plural } from './units.ts';

export interface StatusView {
  readonly now: Date;
  readonly style: Style;
}

const labelWidth = 13;
const rightColumn = 66;
const screenWidth = 110;
const shownErrors = 5;

export function renderStatus(status: NodeStatus, view: StatusView): string {
  return [
    headline(status, view.style),
    ...furtherReasons(status),
    ...failedTables(status.tables, view),
    ...clusterProblems(status),
    ...factLines(status),
    line(
      'cluster',
      beside(clusterText(status), lastChange(status, view.now), rightColumn - labelWidth),
    ),
    ...apiServerLines(status.cluster, view.now).map(({ label, text }) => line(label, text)),
    ...servicesLines(status),
    line('datapath', datapathText(status)),
    line('uplinks', uplinkText(status)),
    line('tables', tablesText(status.tables)),
    line('maps', mapsText(status)),
    line('drops', dropsText(status.drops)),
    ...eventLines(status),
    ...errorLines(status, view.now),
  ].join('\n');
}

function headline(status: NodeStatus, style: Style): string {
  const [first] = status.health.reasons;
  const because = first === undefined ? '' : `: ${first}`;
  const self = `heddle ${status.version}, Linux ${status.kernel}, up ${formatDuration(status.uptimeMs)}`;
  switch (status.health.state) {
    case 'healthy':
      return beside(`${status.node}: healthy`, self, rightColumn);
    case 'starting':
      return `${status.node}: ${style.notice('starting')}${because}`;
    case 'degraded':
      return `${status.node}: ${style.alarm('DEGRADED')}${because}`;
    default:
      return unreachable(status.health.state);
  }
}

function furtherReasons(status: NodeStatus): string[] {
  return status.health.reasons.slice(1).map((reason) => line('', reason));
}

function failedTables(tables: readonly TableView[], { now }: StatusView): string[] {
  return tables
    .filter((table) => table.failures.length > 0)
    .flatMap((table) =>
      table.failures.map(({ text, retryAt }, index) => {
        const fill = index === 0 ? `${table.applied}/${table.desired}` : '';
        const waitMs = Math.max(0, Date.parse(retryAt) - now.getTime());
        return line(
          index === 0 ? table.name : '',
          `${fill.padEnd(5)} ${text} (retry in ${formatAge(waitMs)})`,
        );
      }),
    );
}

function clusterProblems(status: NodeStatus): string[] {
  const label = status.cluster.apiServer === undefined ? 'manifest' : 'object';
  return status.cluster.problems.flatMap(({ text, consequence, isSource }) => [
    line(isSource === true ? 'cluster' : label, text),
    ...(consequence === undefined ? [] : [line('', `  ${consequence}`)]),
  ]);
}

/** Facts that hold but are worth a note, and facts that may be at fault. Problems are already among the reasons. */
function factLines({ facts }: NodeStatus): string[] {
  return facts.flatMap(({ id, state, text }) =>
    state === 'problem' || text === undefined ? [] : [line('note', `${id}: ${text}`)],
  );
}

function clusterText({ cluster }: NodeStatus): string {
  const size = `${plural(cluster.nodes, 'node')}, ${plural(cluster.pods, 'pod')}`;
  const partly = cluster.complete ? '' : '; not read completely, so nothing is removed';
  return `${cluster.source} (${size}${partly})`;
}

function servicesLines({ cluster }: NodeStatus): string[] {
  const { services, servicesBy, servicesReason, servicesNote } = cluster;
  const isOurs = servicesBy === 'heddle';
  const reason = servicesReason ?? (isOurs ? undefined : 'services.mode is off');
  const by = isOurs ? 'translated by Heddle' : 'left to kube-proxy';
  const text = `${services}, ${by}${reason === undefined ? '' : ` (${reason})`}`;
  return [
    ...(services === 0 ? [] : [line('services', text)]),
    ...(servicesNote === undefined ? [] : [line('note', servicesNote)]),
  ];
}

function lastChange({ lastChange: change }: NodeStatus, now: Date): string {
  if (change === undefined) return '';
  const age = formatAge(now.getTime() - Date.parse(change.at));
  return `last change ${age} ago, applied in ${formatDuration(change.durationMs)}`;
}

function datapathText({ mode, datapath }: NodeStatus): string {
  const origin = datapath.adopted ? 'adopted' : `loaded in ${formatDuration(datapath.loadMs)}`;
  const mtu = datapath.mtuBytes === undefined ? '' : `; pod MTU ${datapath.mtuBytes} bytes`;
  return `${mode}; ${plural(datapath.programs, 'program')} ${origin}, attached at ${plural(datapath.attachments, 'hook')}${mtu}`;
}

function uplinkText({ datapath }: NodeStatus): string {
  if (datapath.uplinks.length === 0) return 'none found';
  const items = datapath.uplinks.map(
    ({ name, addresses, mtuBytes }) =>
      `${name} ${addresses.filter(isRoutable).join(' ')} MTU ${mtuBytes} bytes`,
  );
  return wrapItems(items, labelWidth, screenWidth);
}

/** Link-local addresses exist on every interface and carry no information. */
function isRoutable(address: string): boolean {
  return !address.startsWith('fe80:');
}

function tablesText(tables: readonly TableView[]): string {
  const errors = tables.reduce((sum, table) => sum + table.failures.length, 0);
  const items = tables.map((table) => `${table.name} ${table.applied}/${table.desired}`);
  return wrapItems([...items, plural(errors, 'error')], labelWidth, screenWidth);
}

function mapsText({ maps }: NodeStatus): string {
  const items = maps
    .filter((map) => map.entries !== undefined)
    .map(({ name, entries = 0, maxEntries }) => {
      const share = formatPercent(entries, maxEntries);
      return `${name} ${formatCount(entries)} of ${formatCount(maxEntries)} (${share})`;
    });
  return items.length === 0 ? 'none loaded yet' : wrapItems(items, labelWidth, screenWidth);
}

function dropsText({ lastMinute, total }: DropsView): string {
  const reasons = total.map(({ reason, packets }) => `${formatCount(packets)} ${reason}`);
  const since = reasons.length === 0 ? '' : `  (total: ${reasons.join(', ')})`;
  return `${formatCount(lastMinute)} in the last minute${since}`;
}

/** Shown only if flow events were lost, which leaves gaps in the flow log. */
function eventLines({ flowEvents: { received, suppressed, lost } }: NodeStatus): string[] {
  if (suppressed === 0 && lost === 0) return [];
  const parts = [
    `${formatCount(received)} received`,
    `${formatCount(suppressed)} over the budget`,
    `${formatCount(lost)} lost to a full ring buffer`,
  ];
  return [line('events', parts.join(', '))];
}

/** Omits errors that are shown further up. */
function errorLines({ health, recentErrors }: NodeStatus, now: Date): string[] {
  const isShown = (kind: ProblemKind): boolean =>
    health.problems.some((problem) => problem.kind === kind);
  return recentErrors
    .filter(({ isCurrent, from }) => !isCurrent && (from === undefined || !isShown(from)))
    .slice(-shownErrors)
    .map(({ at, text }, index) =>
      line(
        index === 0 ? 'errors' : '',
        `${formatAge(now.getTime() - Date.parse(at))} ago: ${text}`,
      ),
    );
}

function line(label: string, text: string): string {
  return `  ${label.padEnd(labelWidth - 3)} ${text}`;
}

function beside(left: string, right: string, column: number): string {
  return right === '' ? left : `${left.padEnd(column - 2)}  ${right}`;
}
