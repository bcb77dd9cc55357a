// `heddle services`: the Services of the cluster as this node must treat them.

import type {
  BackendView,
  FrontendView,
  ServicePortBackends,
  ServicePortView,
  ServiceSummary,
  ServiceTranslator,
  ServiceView,
} from '../../api/services.ts';
import { type Column, renderColumns } from './columns.ts';
import type { Style } from './style.ts';
import { formatCount, formatDuration, plural } from './units.ts';

/** Shown first: whether the screen is what Heddle does, or what another program should do. */
export function translatorText(translatedBy: ServiceTranslator): string {
  return translatedBy === 'heddle'
    ? 'Heddle translates Services on this node.'
    : "Another program (kube-proxy) translates Services on this node. Kubernetes' rules ask for this:";
}

const listColumns: readonly Column[] = [
  { heading: 'SERVICE' },
  { heading: 'TYPE' },
  { heading: 'ADDRESSES' },
  { heading: 'PORTS' },
  { heading: 'BACKENDS', align: 'right' },
  { heading: 'READY', align: 'right' },
  { heading: 'HERE', align: 'right' },
];

export function renderServiceList(services: readonly ServiceSummary[], style: Style): string {
  const [first] = services;
  if (first === undefined) return 'the cluster has no Service with a cluster address';
  const rows = services.map(({ name, type, backends, ports, ...rest }) => [
    name,
    type,
    [...rest.clusterAddresses, ...rest.otherAddresses].join(' '),
    ports.map(portText).join(' '),
    formatCount(backends.all),
    backends.serving === 0 ? formatCount(backends.ready) : `${backends.ready}+${backends.serving}`,
    formatCount(backends.local),
  ]);
  const problems = services.flatMap(({ name, problems: all = [] }) =>
    all.map((text) => `${style.alarm('problem')}  ${name}: ${text}`),
  );
  const shown = problems.slice(0, shownProblems);
  const more = problems.length - shown.length;
  return [
    translatorText(first.translatedBy),
    '',
    renderColumns(listColumns, rows, style),
    ...shown,
    ...(more > 0 ? [`${plural(more, 'more problem')}: see -o json`] : []),
  ].join('\n');
}

const shownProblems = 20;

export function renderServices(services: readonly ServiceView[], style: Style): string {
  const by = services.slice(0, 1).map(({ translatedBy }) => translatorText(translatedBy));
  return [...by, ...services.map((service) => serviceText(service, style))].join('\n\n');
}

function serviceText(service: ServiceView, style: Style): string {
  const { frontends, ports, problems = [] } = service;
  return [
    headline(service),
    ...problems.map((text) => `${style.alarm('problem')}  ${text}`),
    '',
    renderColumns(frontendColumns, frontends.map(frontendRow), style),
    ...ports.flatMap((port) => ['', ...portLines(port, style)]),
  ].join('\n');
}

function headline(service: ServiceView): string {
  const { name, type, internalPolicy, externalPolicy, sourceRanges, healthCheck } = service;
  const { affinitySeconds: affinity, publishesNotReady, selection } = service;
  return [
    `${name}: ${type}`,
    `internal policy ${internalPolicy}, external policy ${externalPolicy}`,
    affinity === undefined ? [] : `session affinity ${formatDuration(affinity * 1000)}`,
    selection === undefined ? [] : 'consistent selection (maglev)',
    sourceRanges === undefined ? [] : `load balancer only from ${sourceRanges.join(' ')}`,
    healthCheck === undefined
      ? []
      : `health check port ${healthCheck.port}: ${plural(healthCheck.localEndpoints, 'local endpoint')}`,
    publishesNotReady ? 'publishes addresses that are not ready' : [],
  ]
    .flat()
    .join('; ');
}

const frontendColumns: readonly Column[] = [
  { heading: 'FRONTEND' },
  { heading: 'KIND' },
  { heading: '' },
];

function frontendRow(frontend: FrontendView): readonly string[] {
  const { kind, problem } = frontend;
  return [frontendText(frontend), kind, problem === undefined ? '' : `not in use: ${problem}`];
}

export function frontendText({ address, family, port, protocol }: FrontendView): string {
  const at = address === undefined ? `nodes (IPv${family})` : address;
  return `${hostText(at)}:${port}/${protocol}`;
}

export function hostText(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

function portLines(port: ServicePortBackends, style: Style): readonly string[] {
  const { family, outcome, localOutcome, backends } = port;
  const local = localOutcome === undefined ? '' : `; policy Local: ${localOutcome}`;
  return [
    `port ${portText(port)}, IPv${family}: ${outcome}${local}`,
    ...(backends.length === 0 ? [] : [renderBackends(backends, style)]),
  ];
}

const backendColumns: readonly Column[] = [
  { heading: 'BACKEND' },
  { heading: 'STATE' },
  { heading: 'NODE' },
  { heading: 'ZONE' },
  { heading: 'USED' },
];

export function renderBackends(backends: readonly BackendView[], style: Style): string {
  const rows = backends.map(({ address, port, state, node = '-', zone = '-', ...rest }) => [
    `${hostText(address)}:${port}`,
    state,
    rest.isLocal ? `${node} (this node)` : node,
    zone,
    rest.unused === undefined ? 'yes' : `no: ${rest.unused}`,
  ]);
  return renderColumns(backendColumns, rows, style);
}

function portText({ name, port, protocol, nodePort }: ServicePortView): string {
  const named = name === undefined || name === '' ? '' : `${name}=`;
  const atNodes = nodePort === undefined ? '' : `(node ${nodePort})`;
  return `${named}${port}/${protocol}${atNodes}`;
}
