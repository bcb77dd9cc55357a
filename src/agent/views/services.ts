// Services, for the API: what Kubernetes' rules ask for on this node.

import type {
  BackendCounts,
  BackendView,
  FrontendView,
  ServicePortBackends,
  ServiceSummary,
  ServiceTranslator,
  ServiceView,
} from '../../api/services.ts';
import { type Backend, stateOf } from '../../model/services/backends.ts';
import type { CompiledPort, CompiledService } from '../../model/services/compiled.ts';
import { type Frontend, frontendKey, frontendsOf } from '../../model/services/frontend.ts';
import { claimFlaw } from '../../model/services/resolve.ts';
import type { BackendSelection, SelectionRule } from '../../model/services/selection.ts';
import type { AgentParts } from '../parts.ts';
import type { SeenServices } from '../services/seen.ts';

export function translatorOf({ services }: Pick<AgentParts, 'services'>): ServiceTranslator {
  return services === undefined ? 'another program' : 'heddle';
}

export function serviceSummaries(
  seen: SeenServices,
  translatedBy: ServiceTranslator,
): readonly ServiceSummary[] {
  return [...seen.tables.compiled]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, compiled]) => ({ translatedBy, ...summaryOf(seen, name, compiled) }));
}

/** `wanted`: `shop/web`, or `web` in any namespace. */
export function serviceViews(
  seen: SeenServices,
  wanted: string,
  translatedBy: ServiceTranslator,
): readonly ServiceView[] {
  const { compiled } = seen.tables;
  const exact = compiled.get(wanted);
  const found: readonly (readonly [string, CompiledService])[] = wanted.includes('/')
    ? exact === undefined
      ? []
      : [[wanted, exact]]
    : [...compiled].filter(([, { service }]) => service.name === wanted);
  return found.map(([name, each]) => ({ translatedBy, ...viewOf(seen, name, each) }));
}

function summaryOf(
  seen: SeenServices,
  name: string,
  compiled: CompiledService,
): Omit<ServiceSummary, 'translatedBy'> {
  const { service, ports } = compiled;
  const frontends = frontendViews(seen, name, compiled);
  const others = frontends.flatMap(({ kind, address }) =>
    kind === 'cluster' ? [] : (address ?? []),
  );
  return {
    name,
    type: service.type,
    clusterAddresses: service.clusterAddresses,
    otherAddresses: [...new Set(others)],
    ports: service.ports.map(({ name: portName, port, protocol, nodePort }) => {
      return { name: portName, port, protocol, nodePort };
    }),
    backends: countsOf(ports),
    ...problemsOf(compiled, frontends),
  };
}

function viewOf(
  seen: SeenServices,
  name: string,
  compiled: CompiledService,
): Omit<ServiceView, 'translatedBy'> {
  const { service, ports, healthCheck } = compiled;
  const frontends = frontendViews(seen, name, compiled);
  const { internalPolicy = 'Cluster', externalPolicy = 'Cluster' } = service;
  return {
    ...{ name, type: service.type, internalPolicy, externalPolicy, healthCheck },
    affinitySeconds: service.affinitySeconds,
    ...(service.selection && { selection: service.selection }),
    sourceRanges: service.sourceRanges,
    ...(service.publishesNotReady && { publishesNotReady: true }),
    frontends,
    ports: ports.map((port) => portView(compiled, port)),
    ...problemsOf(compiled, frontends),
  };
}

function portView({ service }: CompiledService, port: CompiledPort): ServicePortBackends {
  const { name, port: number, protocol, nodePort } = service.ports[port.index] ?? {};
  const { internalPolicy, externalPolicy } = service;
  const hasLocal = internalPolicy === 'Local' || externalPolicy === 'Local';
  return {
    ...{ name, port: number ?? 0, protocol: protocol ?? 'TCP', nodePort, family: port.family },
    outcome: outcomeText(port.inCluster),
    ...(hasLocal && { localOutcome: outcomeText(port.local) }),
    backends: backendViews(port, internalPolicy === 'Local' ? port.local : port.inCluster),
  };
}

/** `selection`: the one that decides whether a backend is used. */
export function backendViews(
  { backends }: CompiledPort,
  selection: BackendSelection,
): readonly BackendView[] {
  return backends.map((backend) => {
    const { address, port, isLocal, endpoint } = backend;
    const state = stateOf(endpoint);
    return {
      ...{ address, port, node: endpoint.node, zone: endpoint.zone, isLocal },
      state: state === 'out' ? 'not ready' : state,
      unused: unusedReason(backend, selection),
    };
  });
}

export function frontendView({ kind, address, family, port, protocol }: Frontend): FrontendView {
  return { kind, address, family, port, protocol };
}

function frontendViews(
  { tables, context }: SeenServices,
  name: string,
  { service }: CompiledService,
): readonly FrontendView[] {
  const seen = new Map<string, Frontend>();
  return frontendsOf(service).flatMap((frontend): readonly FrontendView[] => {
    const key = frontendKey(frontend);
    const first = seen.get(key);
    seen.set(key, first ?? frontend);
    // An address that is both external and the load balancer's is one frontend.
    if (first?.portIndex === frontend.portIndex) return [];
    const problem =
      first === undefined
        ? claimFlaw(tables, context.taken, { key, service: name, frontend })
        : 'belongs to an earlier port of this Service';
    return [{ ...frontendView(frontend), ...(problem !== undefined && { problem }) }];
  });
}

function problemsOf(
  { problems = [] }: CompiledService,
  frontends: readonly FrontendView[],
): { readonly problems?: readonly string[] } {
  const ofFrontends = frontends.flatMap(({ problem, address, port, protocol }) => {
    const at = address === undefined ? `node port ${port}` : `${address} port ${port}`;
    return problem === undefined ? [] : [`${at}/${protocol} ${problem}`];
  });
  const all = [...ofFrontends, ...problems];
  return all.length === 0 ? {} : { problems: all };
}

function countsOf(ports: readonly CompiledPort[]): BackendCounts {
  const all = ports.flatMap(({ backends }) => backends);
  const ready = all.filter(({ endpoint }) => stateOf(endpoint) === 'ready');
  return {
    all: all.length,
    ready: ready.length,
    serving: all.filter(({ endpoint }) => stateOf(endpoint) === 'serving').length,
    local: ready.filter(({ isLocal }) => isLocal).length,
  };
}

const ruleTexts: Readonly<Record<SelectionRule, string>> = {
  all: 'every ready backend',
  'node-hint': 'ready backends whose hints name this node',
  'zone-hint': "ready backends whose hints name this node's zone",
  serving: 'no backend is ready: those that are shutting down but still serve',
  local: 'ready backends on this node',
  'local-serving': 'no backend on this node is ready: those here that still serve',
};

export function outcomeText(selection: BackendSelection): string {
  switch (selection.kind) {
    case 'backends':
      return ruleTexts[selection.rule];
    case 'refuse':
      return 'refused: no backend';
    case 'drop':
      return 'dropped: backends on other nodes only';
  }
}

function unusedReason(backend: Backend, selection: BackendSelection): string | undefined {
  const isUsed = selection.kind === 'backends' && selection.backends.includes(backend);
  if (isUsed) return undefined;
  const { isLocal, endpoint } = backend;
  if (stateOf(endpoint) === 'out')
    return endpoint.terminating ? 'terminating, no longer serving' : 'not ready';
  const isLocalOnly = selection.kind === 'drop' || selection.kind === 'refuse';
  const rule = selection.kind === 'backends' ? selection.rule : undefined;
  if ((isLocalOnly || rule === 'local' || rule === 'local-serving') && !isLocal)
    return 'on another node';
  if (stateOf(endpoint) === 'serving') return 'terminating, and others are ready';
  return rule === 'node-hint' ? 'its hints name other nodes' : 'its hints name other zones';
}
