// Random Services for a lab: those of random-services.ts, with the lab's nodes and pods in place of invented ones.

import type { Random } from './random.ts';
import { randomQuestion, randomWorld } from './random-services.ts';
import type { RawService, RawSlice } from './raw-services.ts';
import type { ServiceQuestion, ServiceWorld } from './service-oracle.ts';

/** Servers of node N: the pods `s-N-2` to `s-N-5`, each at both ports. */
export const serverPorts = { 8080: 9080, 8081: 9081 } as const;
export const serverEnds = [2, 3, 4, 5] as const;

export function serverName(node: number, end: number): string {
  return `s-${node}-${end}`;
}

export interface LabAddresses {
  /** Address of the lab's server. */
  server(name: string, family: 4 | 6): string;
}

/** The world as the lab has it. Zones are not among its facts. */
export function labWorld(random: Random, addresses: LabAddresses): ServiceWorld {
  const { nodes, services, slices } = inLab(randomWorld(random), addresses);
  return {
    ...{ node: 'node-1', services, slices, apiServers: [] },
    nodes: nodes.map(({ metadata: { name }, spec, status }) => ({
      ...{ metadata: { name }, spec, status },
    })),
  };
}

/** Manifests of what the lab does not have by itself. */
export function labObjects({ services, slices }: ServiceWorld): readonly object[] {
  return [
    ...services.map((service: RawService) => ({ apiVersion: 'v1', kind: 'Service', ...service })),
    ...slices.map((slice: RawSlice) => ({
      ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', ...slice },
    })),
  ];
}

/** From one kind of client. SCTP is not among them: the clients cannot speak it. */
export function labQuestions(
  random: Random,
  world: ServiceWorld,
  {
    from,
    sources,
    count,
  }: {
    readonly from: ServiceQuestion['from'];
    /** By family. */
    readonly sources: Readonly<Record<4 | 6, string>>;
    readonly count: number;
  },
): readonly ServiceQuestion[] {
  const questions: ServiceQuestion[] = [];
  while (questions.length < count) {
    const question = asLabQuestion(randomQuestion(random, world));
    const source = sources[question.address.includes(':') ? 6 : 4];
    if (question.protocol !== 'SCTP') questions.push({ ...question, from, source });
  }
  return questions;
}

// Its own addresses are those of the invented nodes.
function asLabQuestion(question: ServiceQuestion): ServiceQuestion {
  return JSON.parse(withNodes(JSON.stringify(question))) as ServiceQuestion;
}

function inLab(world: ServiceWorld, { server }: LabAddresses): ServiceWorld {
  const text = withNodes(JSON.stringify(world))
    .replaceAll(/"10\.78\.(\d)\.([2-5])"/g, (_, node: string, end: string) =>
      JSON.stringify(server(serverName(Number(node), Number(end)), 4)),
    )
    .replaceAll(/"fd00:78:(\d)::([2-5])"/g, (_, node: string, end: string) =>
      JSON.stringify(server(serverName(Number(node), Number(end)), 6)),
    )
    .replaceAll(/"10\.78\.(\d)\./g, '"10.201.$1.')
    .replaceAll(/"fd00:78:(\d)::/g, '"fd00:201:$1::')
    .replaceAll(/"203\.0\.113\.([12])"/g, '"198.18.0.$1"')
    .replaceAll(/:(8080|8081)\b/g, (_, port: '8080' | '8081') => `:${serverPorts[port]}`);
  const { slices, ...others } = JSON.parse(text) as ServiceWorld;
  return { ...others, slices: slices.map(withTrueNodes) };
}

// An endpoint on another node than its slice says would answer a client whose address is kept, past this node.
function withTrueNodes({ endpoints, ...slice }: RawSlice): RawSlice {
  return {
    ...slice,
    endpoints: endpoints.map((endpoint) => {
      const { addresses, nodeName } = endpoint;
      const [, node] = /^(?:10\.201\.|fd00:201:)(\d)[.:]/.exec(addresses[0] ?? '') ?? [];
      if (nodeName === undefined || node === undefined) return endpoint;
      return { ...endpoint, nodeName: `node-${node}` };
    }),
  };
}

function withNodes(text: string): string {
  return text
    .replaceAll(/"n([123])"/g, '"node-$1"')
    .replaceAll(/"10\.77\.0\.(\d+)"/g, '"10.200.0.$1"')
    .replaceAll(/"fd00:77::(\d+)"/g, '"fd00:200::$1"');
}
