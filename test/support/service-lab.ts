// A lab whose pods answer with their names, and asks them from anywhere (test/lab/programs/who.ts).

import assert from 'node:assert/strict';
import { before } from 'node:test';
import { sharedLab, type TestLab, type TestLabOptions } from './lab.ts';
import { testProgram } from './lab-traffic.ts';
import { reasonToSkip } from './root-test.ts';
import type { ServiceQuestion } from './service-oracle.ts';

export interface ServiceLabOptions extends TestLabOptions {
  /** Further keys of the agents' `services`. */
  readonly services?: Readonly<Record<string, unknown>>;
  /** Ranges of Services, which the router sends to node-1. */
  readonly ranges: readonly string[];
}

/** As `sharedLab`, with Services translated by Heddle. */
export function serviceLab(options: ServiceLabOptions): () => TestLab {
  const { ranges, services, settings = {}, ...others } = options;
  const lab = sharedLab({
    ...others,
    settings: { ...settings, services: { mode: 'on', ...services } },
  });
  before(async () => {
    if (reasonToSkip() !== undefined) return;
    const routes = ranges.map((range) => {
      const family = range.includes(':') ? 6 : 4;
      return `ip route add ${range} via ${lab().address(lab().node('node-1'), family)}`;
    });
    const { exitCode, stderr } = await lab().inNode('switch', ['sh', '-ec', routes.join('\n')]);
    assert.equal(exitCode, 0, stderr);
  });
  return lab;
}

/** A pod that answers at these ports with its name and the port. */
export function whoPod(name: string, node: string, ports: readonly number[]): object {
  const [command, ...args] = [...testProgram('who'), 'serve', name, ...ports.map(String)];
  return {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'shop', name } },
    spec: { nodeName: node, containers: [{ name: 'who', command: [command], args }] },
  };
}

export type WhoOutcome =
  | 'refused'
  | 'silence'
  | 'unreachable'
  | { readonly by: string; readonly peer: string; readonly peerPort: number };

/** From a pod, or from `world`, `node-1`, ...; `targets`: `tcp,80,10.96.0.1`. */
export async function askFrom(
  lab: TestLab,
  place: string,
  targets: readonly string[],
): Promise<readonly WhoOutcome[]> {
  const command = [...testProgram('who'), 'ask', ...targets];
  const isNode = place === 'world' || place.startsWith('node-');
  const finished = await (isNode ? lab.inNode(place, command) : lab.inPod(place, command));
  assert.equal(finished.exitCode, 0, finished.stderr);
  return JSON.parse(finished.stdout) as readonly WhoOutcome[];
}

export function targetOf({ address, port, protocol }: ServiceQuestion): string {
  return `${protocol.toLowerCase()},${port},${address}`;
}

export interface TestService {
  readonly name: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
  /** By address. */
  readonly backends: readonly TestBackend[];
  /** Of every backend. */
  readonly targetPort: number;
}

interface TestBackend {
  readonly addresses: readonly [ipv4: string, ipv6: string];
  readonly node: string;
  readonly conditions?: Readonly<Record<string, boolean>>;
}

/** The Service with one slice for each family. `protocols`: its ports are the same in each. */
export function serviceObjects(service: TestService): readonly object[] {
  const { name, spec, status, backends, targetPort } = service;
  const { annotations = {} } = service;
  const metadata = { namespace: 'shop', name, annotations };
  const ports = (spec['ports'] ?? []) as readonly { name?: string; protocol?: string }[];
  return [
    { apiVersion: 'v1', kind: 'Service', metadata, spec, ...(status && { status }) },
    ...(['IPv4', 'IPv6'] as const).map((addressType, index) => ({
      ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType },
      metadata: {
        ...{ namespace: 'shop', name: `${name}-${addressType.toLowerCase()}` },
        labels: { 'kubernetes.io/service-name': name },
      },
      endpoints: backends.map(({ addresses, node, conditions = { ready: true } }) => ({
        ...{ addresses: [addresses[index]], nodeName: node, conditions },
      })),
      ports: ports.map(({ name: port, protocol = 'TCP' }) => ({
        ...{ ...(port === undefined ? {} : { name: port }), protocol, port: targetPort },
      })),
    })),
  ];
}
