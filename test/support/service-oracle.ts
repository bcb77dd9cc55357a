// What a node must do with a packet to a Service, written from the Kubernetes documentation (concepts: Service, "Virtual
// IPs and Service Proxies", EndpointSlices; API reference: ServiceSpec, EndpointConditions, EndpointHints) and Heddle's
// own rules about contested and foreign addresses (docs/services.md). It reads the API's objects as they are and shares no
// code with src/model/services/: it asks one question after the other about one packet, and precomputes nothing.

import type { RawEndpoint, RawNode, RawService, RawServicePort, RawSlice } from './raw-services.ts';

export interface ServiceWorld {
  /** The node that translates. */
  readonly node: string;
  readonly nodes: readonly RawNode[];
  readonly services: readonly RawService[];
  readonly slices: readonly RawSlice[];
  readonly apiServers: readonly string[];
}

export interface ServiceQuestion {
  readonly from: 'pod' | 'node' | 'outside';
  /** Source address of the packet. */
  readonly source: string;
  readonly address: string;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
}

/** Or the permitted backends, sorted: `10.78.1.2 8080`. */
export type ServiceAnswer = 'not a service' | 'refuse' | 'drop' | readonly string[];

export function serviceOracle(world: ServiceWorld, question: ServiceQuestion): ServiceAnswer {
  const { address, from, source } = question;
  const holder = world.services
    .filter((service) => exists(service) && clusterAddresses(service).includes(address))
    .sort(older)[0];
  const [best] = world.services
    .flatMap((service) => ways(world, service, question))
    .filter(({ service, by }) => {
      if (by === 'node') return true;
      const isForeign = holder !== undefined && holder !== service;
      return !isForeign && mayHave(world, address, by === 'cluster');
    })
    .sort((left, right) => weight(left) - weight(right) || older(left.service, right.service));
  if (best === undefined)
    return holder !== undefined && mayHave(world, address, true) ? 'refuse' : 'not a service';
  const { spec } = best.service;
  const ranges = spec.loadBalancerSourceRanges ?? [];
  if (best.by === 'balancer' && ranges.length > 0 && !ranges.some((range) => within(source, range)))
    return 'drop';
  const policy = best.by === 'cluster' ? spec.internalTrafficPolicy : spec.externalTrafficPolicy;
  const isLocalOnly = policy === 'Local' && (best.by === 'cluster' || from === 'outside');
  return choose(world, endpointsBehind(world, best, address), isLocalOnly);
}

interface Way {
  readonly service: RawService;
  readonly port: RawServicePort;
  readonly by: 'cluster' | 'node' | 'balancer' | 'external';
}

// Who listens there? Each of a Service's own ways counts, the strictest first.
function ways(world: ServiceWorld, service: RawService, question: ServiceQuestion): readonly Way[] {
  if (!exists(service)) return [];
  const { address, port: number, protocol } = question;
  const { type, ports = [], externalIPs = [] } = service.spec;
  const hasFamily = clusterAddresses(service).some((own) => isV6(own) === isV6(address));
  if (!hasFamily) return [];
  const ingress = type === 'LoadBalancer' ? (service.status?.loadBalancer?.ingress ?? []) : [];
  const balanced = ingress.some(({ ip, ipMode = 'VIP' }) => ip === address && ipMode === 'VIP');
  const isNode = addressesOf(world, world.node).includes(address);
  const opensNodes = type === 'NodePort' || type === 'LoadBalancer';
  const found: Way[] = [];
  for (const port of ports) {
    if ((port.protocol ?? 'TCP') !== protocol) continue;
    if (port.port === number) {
      if (clusterAddresses(service).includes(address)) found.push({ service, port, by: 'cluster' });
      else if (balanced) found.push({ service, port, by: 'balancer' });
      else if (externalIPs.includes(address)) found.push({ service, port, by: 'external' });
    }
    if (isNode && opensNodes && port.nodePort === number) found.push({ service, port, by: 'node' });
  }
  return found;
}

function exists({ spec, metadata: { labels = {} } }: RawService): boolean {
  const hidden = ['service-proxy-name', 'headless'].some(
    (name) => `service.kubernetes.io/${name}` in labels,
  );
  return !hidden && spec.type !== 'ExternalName' && clusterAddresses({ spec }).length > 0;
}

function clusterAddresses({ spec }: Pick<RawService, 'spec'>): readonly string[] {
  return (spec.clusterIPs ?? []).filter((text) => text !== 'None' && text !== '');
}

// The API server assigns cluster addresses, tenants write the others. A node port is for what nothing else has.
function weight({ by }: Way): number {
  return ['cluster', 'balancer', 'external', 'node'].indexOf(by === 'balancer' ? 'external' : by);
}

function older(left: RawService, right: RawService): number {
  const age = (service: RawService): string => service.metadata.creationTimestamp ?? '9999';
  const name = ({ metadata }: RawService): string => `${metadata.namespace}/${metadata.name}`;
  const [first, second] = [`${age(left)} ${name(left)}`, `${age(right)} ${name(right)}`];
  return first === second ? 0 : first < second ? -1 : 1;
}

interface Reachable {
  readonly at: string;
  readonly isHere: boolean;
  /** 2: ready. 1: shuts down and still serves. 0: neither. */
  readonly grade: number;
  readonly zones: readonly string[];
  readonly nodes: readonly string[];
}

function endpointsBehind(
  world: ServiceWorld,
  { service, port }: Way,
  address: string,
): readonly Reachable[] {
  const { name, namespace } = service.metadata;
  const copies: Reachable[] = [];
  const slices = world.slices
    .filter(({ metadata: { labels = {}, namespace: of } }) => {
      const isHidden = Object.keys(labels).some((key) => /headless|proxy-name/.test(key));
      return of === namespace && labels['kubernetes.io/service-name'] === name && !isHidden;
    })
    .filter(({ addressType }) => addressType === (isV6(address) ? 'IPv6' : 'IPv4'))
    .sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
  for (const slice of slices) {
    for (const { name: of = '', protocol = 'TCP', port: number } of slice.ports) {
      if (of !== (port.name ?? '') || protocol !== (port.protocol ?? 'TCP')) continue;
      for (const endpoint of slice.endpoints) {
        const [first = ''] = endpoint.addresses;
        if (number !== undefined && !isUnusable(first)) {
          copies.push(reachable(endpoint, `${first} ${number}`, world.node));
        }
      }
    }
  }
  return [...new Set(copies.map(({ at }) => at))].map((at) => {
    const same = copies.filter((copy) => copy.at === at);
    const grade = Math.max(...same.map((copy) => copy.grade));
    const told = same.find((copy) => copy.grade === grade) as Reachable;
    return { ...told, isHere: same.some((copy) => copy.isHere) };
  });
}

function reachable(endpoint: RawEndpoint, at: string, node: string): Reachable {
  const { ready = true, serving = ready, terminating = false } = endpoint.conditions ?? {};
  return {
    at,
    isHere: endpoint.nodeName === node,
    grade: ready ? 2 : serving && terminating ? 1 : 0,
    zones: (endpoint.hints?.forZones ?? []).map(({ name }) => name),
    nodes: (endpoint.hints?.forNodes ?? []).map(({ name }) => name),
  };
}

function choose(
  world: ServiceWorld,
  all: readonly Reachable[],
  isLocalOnly: boolean,
): ServiceAnswer {
  const usable = all.filter(({ grade }) => grade > 0);
  if (usable.length === 0) return 'refuse';
  const inScope = usable.filter(({ isHere }) => isHere || !isLocalOnly);
  if (inScope.length === 0) return 'drop';
  const grade = Math.max(...inScope.map((each) => each.grade));
  let chosen = inScope.filter((each) => each.grade === grade);
  if (grade === 2 && !isLocalOnly) {
    const own = world.nodes.find(({ metadata }) => metadata.name === world.node);
    const zone = own?.metadata.labels?.['topology.kubernetes.io/zone'] ?? 'no zone at all';
    const forNode = chosen.every(({ nodes }) => nodes.length > 0);
    const forZone = chosen.every(({ zones }) => zones.length > 0);
    const near = chosen.filter(({ nodes }) => forNode && nodes.includes(world.node));
    const nearby = chosen.filter(({ zones }) => forZone && zones.includes(zone));
    chosen = near.length > 0 ? near : nearby.length > 0 ? nearby : chosen;
  }
  return chosen.map(({ at }) => at).sort();
}

function mayHave(world: ServiceWorld, address: string, isCluster: boolean): boolean {
  if (isUnusable(address)) return false;
  const isOfNode = world.nodes.some(({ metadata, spec }) => {
    const own = addressesOf(world, metadata.name);
    return own.includes(address) || spec.podCIDRs.some((range) => within(address, range));
  });
  if (isOfNode) return false;
  if (isCluster) return true;
  return !world.apiServers.includes(address) && !metadata.some((range) => within(address, range));
}

const metadata = ['100.100.100.200/32', '168.63.129.16/32', 'fd00:ec2::/64'];
const unusable = [
  ...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '255.255.255.255/32'],
  ...['::/128', '::1/128', 'fe80::/10', 'ff00::/8'],
];

function isUnusable(address: string): boolean {
  return unusable.some((range) => within(address, range));
}

function addressesOf({ nodes }: ServiceWorld, name: string): readonly string[] {
  const node = nodes.find(({ metadata }) => metadata.name === name);
  return (node?.status.addresses ?? [])
    .filter(({ type }) => type === 'InternalIP')
    .map(({ address }) => address);
}

function isV6(text: string): boolean {
  return text.includes(':');
}

function within(address: string, range: string): boolean {
  const [base = '', length = ''] = range.split('/');
  if (isV6(address) !== isV6(base)) return false;
  const rest = BigInt((isV6(base) ? 128 : 32) - Number(length));
  return numberOf(address) >> rest === numberOf(base) >> rest;
}

const numbers = new Map<string, bigint>();

function numberOf(text: string): bigint {
  const known = numbers.get(text);
  if (known !== undefined) return known;
  const value = isV6(text) ? v6Number(text) : v4Number(text);
  numbers.set(text, value);
  return value;
}

function v4Number(text: string): bigint {
  return text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
}

function v6Number(text: string): bigint {
  const [head = '', tail] = text.split('::');
  const groups = (part = ''): string[] => (part === '' ? [] : part.split(':'));
  const [first, last] = [groups(head), groups(tail)];
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0');
  return [...first, ...zeros, ...last].reduce(
    (sum, part) => sum * 65536n + BigInt(`0x${part}`),
    0n,
  );
}
