// Pods of a node with a fake kernel: each step is recorded, and fails where a test wants it.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { CniError, cniErrorCode } from '../../src/cni/error.ts';
import type { AddRequest, DelRequest } from '../../src/cni/request.ts';
import type { LocalEndpoint } from '../../src/model/endpoint.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import type { Port } from '../../src/net/port.ts';
import type { PortMapping } from '../../src/net/port-mapping.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import type { PodNamespace, PodWiring } from '../../src/pods/interface/wiring.ts';
import { Pods } from '../../src/pods/pods.ts';
import { type EndpointReservation, hostIfNameOf } from '../../src/pods/records/record.ts';
import { EndpointStore } from '../../src/pods/records/store.ts';
import { silentLogger } from './silent-logger.ts';

const root = mkdtempSync(path.join(tmpdir(), 'heddle-pods-'));

export type Step = 'open' | 'wire' | 'unwire' | 'settle';

/** A kernel and a data path that exist only in memory, and record their calls. */
export class FakeNode implements PodWiring {
  readonly trace: string[] = [];
  /** Host interface name to index. */
  readonly links: Map<string, IfIndex> = new Map();
  /** Interfaces in pods: `PATH/NAME`. */
  readonly inPods: Set<string> = new Set();
  readonly settled: LocalEndpoint[] = [];
  readonly faults: Map<Step, Error> = new Map();
  ranges: string[] = ['192.0.2.0/28', '2001:db8:1::/64'];
  mtuBytes: number | undefined = 1500;
  readonly annotations: Record<string, Readonly<Record<string, string>>> = {};
  /** What the data path reports as missing. */
  missing: readonly string[] = [];
  limits: readonly string[] = [];
  #nextIndex = 10;

  open(namespacePath: string): PodNamespace {
    this.#step('open', namespacePath);
    return {
      hasInterface: (name) => this.inPods.has(`${namespacePath}/${name}`),
      wire: async (reservation) => this.#wire(reservation),
      differences: ({ addresses }) => (addresses.length === 2 ? [] : ['one family']),
      [Symbol.dispose]: () => this.trace.push('close'),
    };
  }

  hostIfIndex(hostIfName: string): IfIndex | undefined {
    return this.links.get(hostIfName);
  }

  interfaces(): readonly string[] {
    return [...this.links.keys()];
  }

  async unwire(hostIfName: string): Promise<void> {
    this.#step('unwire', hostIfName);
    await turn();
    this.links.delete(hostIfName);
  }

  async settle(endpoint: LocalEndpoint): Promise<void> {
    this.#step('settle', endpoint.hostIfName);
    await turn();
    this.settled.push(endpoint);
  }

  #wire({ hostIfName, namespacePath, ifName }: EndpointReservation): IfIndex | undefined {
    const inPod = `${namespacePath}/${ifName}`;
    if (this.links.has(hostIfName) || this.inPods.has(inPod)) {
      this.trace.push(`taken ${hostIfName}`);
      return undefined;
    }
    const ifIndex = this.#nextIndex++ as IfIndex;
    this.links.set(hostIfName, ifIndex);
    this.inPods.add(inPod);
    this.#step('wire', hostIfName);
    return ifIndex;
  }

  #step(step: Step, subject: string): void {
    this.trace.push(`${step} ${subject}`);
    const fault = this.faults.get(step);
    if (fault !== undefined) throw fault;
  }
}

export interface Bench {
  readonly node: FakeNode;
  readonly store: EndpointStore;
  readonly pods: Pods;
  readonly directory: string;
}

export function bench(
  directory: string = mkdtempSync(path.join(root, 'state-')),
  node: FakeNode = new FakeNode(),
): Bench {
  const store = EndpointStore.open(directory, 4);
  const pods = new Pods({
    store,
    wiring: node,
    node: {
      podRanges: () => node.ranges.map((text) => parsePrefix(text)),
      podAnnotations: ({ name }) => node.annotations[name] ?? {},
      podMtuBytes: () => node.mtuBytes,
      settle: (endpoint) => node.settle(endpoint),
      differences: () => node.missing,
      limits: () => node.limits,
    },
    log: silentLogger,
    now: () => new Date('2026-11-21T12:00:00Z'),
  });
  return { node, store, pods, directory };
}

export function addRequest(number: number, namespacePath = `/run/netns/cni-${number}`): AddRequest {
  return {
    kind: 'add',
    version: '1.0.0',
    containerId: `container-${number}`,
    ifName: 'eth0',
    namespacePath,
    network: 'heddle',
    pod: { namespace: 'shop', name: `web-${number}` },
  };
}

export function delRequest(number: number): DelRequest {
  const { containerId, ifName } = addRequest(number);
  return { kind: 'del', version: '1.0.0', containerId, ifName, namespacePath: undefined };
}

export function fails(code: keyof typeof cniErrorCode, text: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof CniError, String(error));
    assert.equal(error.code, cniErrorCode[code], error.message);
    assert.match(error.message, text);
    return true;
  };
}

export const hostIfName: string = hostIfNameOf(addRequest(1));

export const webMapping: PortMapping = {
  protocol: 'tcp',
  hostPort: 8080 as Port,
  containerPort: 80 as Port,
};

after(() => rmSync(root, { recursive: true }));
