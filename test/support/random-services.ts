// Random clusters for the rules of Services: few names, addresses and ports, so that everything meets everything.

import type { Random } from './random.ts';
import type {
  RawConditions,
  RawEndpoint,
  RawMeta,
  RawNode,
  RawService,
  RawServicePort,
  RawSlice,
} from './raw-services.ts';
import type { ServiceQuestion, ServiceWorld } from './service-oracle.ts';

const zones = ['z1', 'z2', undefined] as const;
const protocols = ['TCP', 'UDP', 'SCTP'] as const;
const numbers = [53, 80, 443] as const;
const nodePorts = [30_080, 30_053] as const;
const apiServer = '198.51.100.1';
const clusterAddresses = ['10.96.0.1', '10.96.0.2', '10.96.0.3', '10.96.0.4', '10.96.0.5'];
const clusterAddresses6 = clusterAddresses.map((_, index) => `fd00:96::${index + 1}`);
const externals = ['203.0.113.1', '203.0.113.2', '2001:db8:9::1'];
/** Addresses of something else, which a Service may claim all the same. */
const foreign = [
  ...['10.77.0.11', '10.77.0.12', 'fd00:77::11', '10.78.1.4', 'fd00:78:2::4', apiServer],
  ...[
    '127.0.0.1',
    '224.0.0.9',
    '169.254.169.254',
    '100.100.100.200',
    '::1',
    'fe80::1',
    '10.96.0.1',
  ],
];
const sources = {
  pod: ['10.78.1.9', 'fd00:78:1::9'],
  node: ['10.77.0.11', 'fd00:77::11'],
  outside: ['198.51.100.9', '203.0.113.99', '2001:db8:9::99', '10.78.2.9', 'fd00:78:2::9'],
} as const;

export function randomWorld(random: Random): ServiceWorld {
  const names = Array.from({ length: 1 + random.below(5) }, (_, index) => `s${index}`);
  const services = names.map((name) => randomService(random, name));
  const portsOf = (name: string) =>
    services.find(({ metadata }) => metadata.name === name)?.spec.ports ?? [];
  return {
    node: 'n1',
    nodes: [1, 2, 3].map((index) => randomNode(random, index)),
    services,
    slices: names.flatMap((name) =>
      Array.from({ length: 1 + random.below(4) }, (_, index) => {
        const service = random.oneIn(9) ? random.pick(names) : name;
        return randomSlice(random, `${name}-${index}`, { service, ports: portsOf(service) });
      }),
    ),
    apiServers: [apiServer],
  };
}

/** The same world with some of its objects replaced, added or deleted. */
export function changedWorld(random: Random, world: ServiceWorld): ServiceWorld {
  const other = randomWorld(random);
  const mixed = <Item extends { readonly metadata: RawMeta }>(
    before: readonly Item[],
    after: readonly Item[],
  ): readonly Item[] => {
    const all = new Map(before.map((item) => [item.metadata.name, item]));
    for (const item of after) if (random.oneIn(3)) all.set(item.metadata.name, item);
    for (const name of all.keys()) if (random.oneIn(8)) all.delete(name);
    return [...all.values()];
  };
  return {
    ...world,
    nodes: random.oneIn(4) ? other.nodes : world.nodes,
    services: mixed(world.services, other.services),
    slices: mixed(world.slices, other.slices),
  };
}

/** Mostly about a frontend that a Service claims. */
export function randomQuestion(random: Random, { services }: ServiceWorld): ServiceQuestion {
  const from = random.pick(['pod', 'node', 'outside'] as const);
  const { address, port, protocol = 'TCP' } = randomTarget(random, services);
  const isV6 = address.includes(':');
  const family = sources[from].filter((source) => source.includes(':') === isV6);
  return {
    ...{ from, source: random.pick(family), address },
    port: random.oneIn(12) ? random.pick([...numbers, 9_999]) : port,
    protocol: (random.oneIn(12) ? random.pick(protocols) : protocol) as ServiceQuestion['protocol'],
  };
}

interface Target {
  readonly address: string;
  readonly port: number;
  readonly protocol?: string | undefined;
}

function randomTarget(random: Random, services: readonly RawService[]): Target {
  const own = random.pick(['10.77.0.11', '10.77.0.11', 'fd00:77::11', '10.77.0.12']);
  if (services.length === 0) return { address: own, port: random.pick(nodePorts) };
  const { spec, status } = random.pick(services);
  const { port, nodePort, protocol } = random.pick(spec.ports ?? [{ port: 80 }]);
  if (nodePort !== undefined && random.oneIn(3)) return { address: own, port: nodePort, protocol };
  const cluster = (spec.clusterIPs ?? []).filter((text) => text !== 'None');
  const others = [
    ...(spec.externalIPs ?? []),
    ...(status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []),
  ];
  const all = random.oneIn(3) || others.length === 0 ? cluster : others;
  return { address: all.length === 0 ? own : random.pick(all), port, protocol };
}

function randomNode(random: Random, index: number): RawNode {
  const zone = random.pick(zones);
  return {
    metadata: {
      name: `n${index}`,
      labels: zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone },
    },
    spec: { podCIDRs: [`10.78.${index}.0/24`, `fd00:78:${index}::/64`] },
    status: {
      addresses: [
        { type: 'Hostname', address: `n${index}` },
        { type: 'InternalIP', address: `10.77.0.1${index}` },
        { type: 'InternalIP', address: `fd00:77::1${index}` },
      ],
    },
  };
}

function randomService(random: Random, name: string): RawService {
  const type = random.pick(['ClusterIP', 'NodePort', 'LoadBalancer', 'LoadBalancer']);
  const mostly = <Value>(value: Value): Value | undefined => (random.oneIn(2) ? value : undefined);
  const policy = (): string => random.pick(['Cluster', 'Local']);
  const spec: RawService['spec'] = defined({
    type: random.oneIn(15) ? 'ExternalName' : type,
    clusterIPs: randomClusterAddresses(random, Number(name.slice(1))),
    ports: randomPorts(random),
    externalIPs: mostly([1, 2].map(() => randomExternal(random))),
    internalTrafficPolicy: mostly(policy()),
    externalTrafficPolicy: mostly(policy()),
    sessionAffinity: mostly(random.pick(['None', 'ClientIP'])),
    healthCheckNodePort: mostly(random.pick([0, 32_000])),
    loadBalancerSourceRanges: random.oneIn(3)
      ? [random.pick(['198.51.100.0/24', '10.78.1.0/24', '203.0.113.64/26']), '2001:db8:9::/64']
      : undefined,
    publishNotReadyAddresses: mostly(true),
  });
  const ingress = [1, 2].map(() =>
    defined({
      ip: random.oneIn(8) ? undefined : randomExternal(random),
      ipMode: mostly(random.pick(['VIP', 'VIP', 'Proxy'])),
    }),
  );
  return {
    metadata: randomMeta(random, name, hiding(random)),
    spec,
    ...(random.oneIn(3) ? {} : { status: { loadBalancer: { ingress } } }),
  };
}

function randomExternal(random: Random): string {
  if (random.oneIn(6)) return random.pick(foreign);
  return random.pick(random.oneIn(6) ? [...clusterAddresses, ...clusterAddresses6] : externals);
}

function randomClusterAddresses(random: Random, index: number): readonly string[] | undefined {
  if (random.oneIn(15)) return random.oneIn(2) ? ['None'] : undefined;
  // Mostly their own.
  const own = (all: readonly string[]): string =>
    random.oneIn(8) ? random.pick(all) : (all[index] ?? '');
  const first = random.oneIn(25) ? random.pick(foreign) : own(clusterAddresses);
  const second = own(clusterAddresses6);
  if (first.includes(':')) return [first];
  const both = random.oneIn(2) ? [first, second] : [second, first];
  return random.oneIn(4) ? both.slice(0, 1) : both;
}

function randomPorts(random: Random): readonly RawServicePort[] {
  const protocol = (): string | undefined => (random.oneIn(4) ? random.pick(protocols) : undefined);
  return ['a', 'b'].slice(0, 1 + random.below(2)).map((name) =>
    defined({
      name: random.oneIn(9) ? undefined : name,
      port: random.pick(numbers),
      protocol: protocol(),
      nodePort: random.oneIn(3) ? undefined : random.pick(nodePorts),
    }),
  );
}

interface OfService {
  readonly service: string;
  readonly ports: readonly RawServicePort[];
}

function randomSlice(random: Random, name: string, { service, ports }: OfService): RawSlice {
  const addressType = random.oneIn(3) ? 'IPv6' : 'IPv4';
  const hints = random.pick(['none', 'none', 'zones', 'zones', 'nodes', 'both', 'some'] as const);
  const isEnding = random.oneIn(3);
  const range = addressType === 'IPv6' ? 'fd00:78:' : '10.78.';
  const labels = { ...hiding(random), 'kubernetes.io/service-name': service };
  return {
    metadata: randomMeta(random, name, labels),
    addressType,
    endpoints: Array.from({ length: random.below(5) }, () => {
      const node = 1 + random.below(3);
      const end = 2 + random.below(4);
      const address = addressType === 'IPv6' ? `${range}${node}::${end}` : `${range}${node}.${end}`;
      return randomEndpoint(random, random.oneIn(20) ? unusable[addressType] : address, {
        node: `n${random.oneIn(10) ? 1 + random.below(3) : node}`,
        isEnding: isEnding !== random.oneIn(6),
        hints: hints === 'some' ? random.pick(['none', 'both'] as const) : hints,
      });
    }),
    ports: ports.map(({ name: port, protocol }) =>
      defined({
        name: random.oneIn(12) ? 'other' : port,
        protocol: random.oneIn(12) ? random.pick(protocols) : protocol,
        port: random.oneIn(12) ? undefined : random.pick([8_080, 8_081]),
      }),
    ),
  };
}

const unusable = { IPv4: '127.0.0.1', IPv6: 'fe80::5' } as const;

interface At {
  readonly node: string;
  readonly hints: 'none' | 'zones' | 'nodes' | 'both';
  /** Its Service shuts down. */
  readonly isEnding: boolean;
}

function randomEndpoint(random: Random, address: string, at: At): RawEndpoint {
  const named = (names: readonly string[]) =>
    names.filter(() => random.oneIn(2)).map((name) => ({ name }));
  return defined({
    addresses: random.oneIn(8) ? [address, address] : [address],
    conditions: randomConditions(random, at.isEnding),
    nodeName: random.oneIn(10) ? undefined : at.node,
    hints:
      at.hints === 'none'
        ? undefined
        : defined({
            forZones: at.hints === 'nodes' ? undefined : named(['z1', 'z2', 'z1']),
            forNodes: at.hints === 'zones' ? undefined : named(['n1', 'n2', 'n3', 'n1']),
          }),
  });
}

function randomConditions(random: Random, isEnding: boolean): RawConditions | undefined {
  const some = (): boolean | undefined => random.pick([true, false, undefined]);
  if (random.oneIn(5)) return defined({ ready: some(), serving: some(), terminating: some() });
  if (isEnding) return { ready: false, serving: true, terminating: true };
  return random.oneIn(2) ? undefined : { ready: true, serving: true, terminating: false };
}

function randomMeta(random: Random, name: string, labels: Record<string, string>): RawMeta {
  const created = { creationTimestamp: `2026-01-0${1 + random.below(3)}T00:00:00Z` };
  return { name, namespace: 'shop', labels, ...(random.oneIn(8) ? {} : created) };
}

function hiding(random: Random): Record<string, string> {
  if (!random.oneIn(15)) return {};
  const name = random.pick(['service-proxy-name', 'headless']);
  return { [`service.kubernetes.io/${name}`]: '' };
}

/** Without the fields that are undefined. */
function defined<T extends object>(value: T): T {
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields) as T;
}
