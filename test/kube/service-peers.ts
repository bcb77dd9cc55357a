// Four pods, two on each node, each behind its own Service with every kind of address. Each exchanges lines with all
// four at every address, including its own, so that a pod also reaches itself.

import assert from 'node:assert/strict';
import { urlHost } from '../support/lab.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import { toolImage } from './cluster/images.ts';
import { type ReadyPod, readyPods, webContainer } from './workloads.ts';

const count = 4;
const label = { peer: 'one' };
/** Ports in the pod, and of the Service. */
const ports = { tcp: 7, udp: 8080, http: 80 } as const;

interface ServiceAddresses {
  readonly clusterIps: readonly [string, string];
  readonly balancerIps: readonly [string, string];
  readonly nodePorts: Readonly<Record<keyof typeof ports, number>>;
}

/** The format of podtool (podtool/traffic.go). */
interface Tally {
  readonly target: string;
  readonly way: 'kept' | 'new';
  readonly done: number;
  readonly lost: number;
  readonly errors: readonly string[];
}

/** All numbers are fixed, so that they are known before the Services exist. */
function addressesOf(index: number): ServiceAddresses {
  return {
    clusterIps: [`10.96.7.${index}`, `fd00:96::70${index}`],
    balancerIps: [`203.0.113.${70 + index}`, `2001:db8:113::7${index}`],
    nodePorts: { tcp: 30100 + index, udp: 30300 + index, http: 30200 + index },
  };
}

export class ServicePeers implements AsyncDisposable {
  readonly #cluster: KubeCluster;
  readonly #pods: readonly ReadyPod[];
  #started: readonly { readonly pod: ReadyPod; readonly pid: string }[] = [];

  private constructor(cluster: KubeCluster, pods: readonly ReadyPod[]) {
    this.#cluster = cluster;
    this.#pods = pods;
  }

  static async create(cluster: KubeCluster): Promise<ServicePeers> {
    const indexes = Array.from({ length: count }, (_, index) => index + 1);
    await cluster.api.apply(indexes.flatMap((index) => [peer(index), service(index)]));
    for (const index of indexes) {
      const ingress = addressesOf(index).balancerIps.map((ip) => ({ ip }));
      const patch = JSON.stringify({ status: { loadBalancer: { ingress } } });
      const words = ['patch', 'service', nameOf(index), '--subresource=status', '--type=merge'];
      await cluster.api.kubectl(...words, '-p', patch);
    }
    const pods = await cluster.api.waitFor('the peers are Ready', async () => {
      const ready = await readyPods(cluster, 'peer=one');
      return ready.length === count && ready;
    });
    return new ServicePeers(cluster, pods);
  }

  /** Every address of every Service, as `HOST:PORT` of that protocol. */
  #targets(protocol: keyof typeof ports): readonly string[] {
    const nodes = this.#cluster.record.nodes.flatMap(({ addresses }) => addresses);
    return Array.from({ length: count }, (_, index) => addressesOf(index + 1)).flatMap(
      (service) => [
        ...[...service.clusterIps, ...service.balancerIps].map(
          (address) => `${urlHost(address)}:${ports[protocol]}`,
        ),
        ...nodes.map((address) => `${urlHost(address)}:${service.nodePorts[protocol]}`),
      ],
    );
  }

  /** Waits until every node implements the Services. */
  async answered(): Promise<void> {
    const urls = this.#targets('http').map((target) => `http://${target}/`);
    const words = ['curl', '-sS', '--max-time', '2', '--fail-early', '-o', '/dev/null', ...urls];
    for (const { name } of this.#cluster.record.nodes) {
      await this.#cluster.api.waitFor(`${name} carries out the Services`, async () => {
        const { exitCode } = await this.#cluster.run(name, words);
        return exitCode === 0;
      });
    }
  }

  /** The answers that `where` (a node, or `world`) gets from the Services at the nodes' ports, one line each. */
  async fromOutside(where: string): Promise<readonly string[]> {
    const targets = this.#targets('http').filter((target) => /:302\d\d$/.test(target));
    const urls = targets.map((target) => `http://${target}/`);
    const script = 'for url; do curl -sS --max-time 5 "$url" 2>&1 || echo "$url no answer"; done';
    const { stdout } = await this.#cluster.run(where, ['sh', '-c', script, 'ask', ...urls]);
    return stdout.trimEnd().split('\n');
  }

  /** Every pod starts to exchange lines with every address. */
  async start(): Promise<void> {
    const targets = (['tcp', 'udp'] as const).flatMap((protocol) =>
      this.#targets(protocol).map((target) => `${protocol}:${target}`),
    );
    const script = 'podtool traffic :8081 "$@" > /dev/null 2>&1 & echo $!';
    this.#started = await Promise.all(
      this.#pods.map(async (pod) => {
        const command = ['sh', '-c', script, 'start', ...targets];
        const { stdout, stderr } = await this.#cluster.api.exec(pod.name, command);
        assert.match(stdout, /^\d+\n$/, `${pod.name}: ${stderr}`);
        return { pod, pid: stdout.trim() };
      }),
    );
  }

  /** Waits until each way of each pod has had `rounds` exchanges since, and returns the losses as text. */
  async lost(rounds: number): Promise<readonly string[]> {
    const first = await this.#tallies();
    // 4 pods to 4 Services, at 4 addresses each in 2 families, by 2 protocols, in 2 ways.
    assert.equal(first.length, count * count * 4 * 2 * 2 * 2);
    const all = await this.#cluster.api.waitFor(
      'every pod has exchanged lines with every address',
      async () => {
        const now = await this.#tallies();
        const isDone = (done: number, index: number): boolean =>
          done >= rounds + (first[index]?.done ?? 0);
        return now.length > 0 && now.every(({ done }, index) => isDone(done, index)) && now;
      },
      120_000,
    );
    const lossy = all.filter((tally) => tally.lost > 0);
    // A busy machine may drop a datagram, which is not sent again; a real fault shows on many of the 512 ways of UDP,
    // or repeatedly on the same one. A way that waited for a lost answer finishes last, so it has exactly its rounds.
    const isChance = ({ target, lost, done }: Tally): boolean =>
      target.startsWith('udp:') && lost === 1 && done >= rounds;
    const told = lossy.length <= 2 ? lossy.filter((tally) => !isChance(tally)) : lossy;
    return told.map(({ from, target, way, done, lost, errors }) =>
      [from, target, way, `${lost} of ${done}:`, errors[0]].join(' '),
    );
  }

  async stop(): Promise<void> {
    for (const { pod, pid } of this.#started) await this.#cluster.api.exec(pod.name, ['kill', pid]);
    this.#started = [];
  }

  get pods(): readonly ReadyPod[] {
    return this.#pods;
  }

  async #tallies(): Promise<readonly (Tally & { readonly from: string })[]> {
    const answers = this.#started.map(async ({ pod }) => {
      const url = `http://${pod.addresses[0]}:8081/`;
      const ask = ['curl', '-sS', '--max-time', '10', '--retry', '5', '--retry-connrefused', url];
      const { stdout } = await this.#cluster.run(pod.node, ask);
      const tallies = JSON.parse(stdout) as readonly Tally[];
      return tallies.map((tally) => ({ from: `${pod.name} on ${pod.node}`, ...tally }));
    });
    return (await Promise.all(answers)).flat();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const kind of ['service', 'pod'])
      await this.#cluster.api.kubectl('delete', kind, '-l', 'peer=one', '--ignore-not-found');
  }
}

function nameOf(index: number): string {
  return `peer-${index}`;
}

function peer(index: number): object {
  const labels = { ...label, name: nameOf(index) };
  const container = { ...webContainer, image: toolImage };
  const nodeName = `node-${1 + (index % 2)}`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'default', name: nameOf(index), labels },
    spec: { nodeName, containers: [container], terminationGracePeriodSeconds: 1 },
  };
}

function service(index: number): object {
  const { clusterIps, nodePorts } = addressesOf(index);
  const port = (name: 'tcp' | 'udp' | 'http', targetPort: number): object => ({
    ...{ name, port: ports[name], targetPort, nodePort: nodePorts[name] },
    protocol: name === 'udp' ? 'UDP' : 'TCP',
  });
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'default', name: nameOf(index), labels: label },
    spec: {
      type: 'LoadBalancer',
      ipFamilyPolicy: 'RequireDualStack',
      clusterIP: clusterIps[0],
      clusterIPs: clusterIps,
      selector: { name: nameOf(index) },
      ports: [port('tcp', 7), port('udp', 8080), port('http', 8080)],
    },
  };
}
