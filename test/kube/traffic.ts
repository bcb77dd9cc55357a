// Connections that run while a cluster changes: between pods of both nodes, from nodes to pods, from the world through
// host ports and from pods to the world, TCP and UDP, both families. Each way has a connection that stays open and one
// that is opened repeatedly (podtool/traffic.go).

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { basename } from 'node:path';
import type { TestContext } from 'node:test';
import { exitOf, spawnInPlace } from '../../src/lab/spawn.ts';
import { urlHost } from '../support/lab.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import { worldAddresses } from './cluster/fabric.ts';
import { toolImage } from './cluster/images.ts';
import { nodeProgramsPath } from './cluster/node-root.ts';
import { programPath } from './cluster/programs.ts';
import { eventually } from './cluster/wait.ts';
import { readyPods, webContainer } from './workloads.ts';

const echo = { tcp: 7, udp: 8080 } as const;
const hostPorts = { tcp: 30007, udp: 30080 } as const;
const processReport = '127.0.0.1:8081';
// An unanswered exchange counts as lost after 10 s, and so does the connection attempt before it.
const answerMs = 60_000;

/** The format of podtool. */
interface Tally {
  readonly target: string;
  readonly way: 'kept' | 'new';
  readonly done: number;
  readonly lost: number;
  /** Since the last query. */
  readonly slowestMs: number;
  readonly errors: readonly string[];
}

interface Client {
  readonly name: string;
  /** The place and address at which its report can be queried. */
  readonly where: string;
  readonly report: string;
}

export class KubeTraffic implements AsyncDisposable {
  readonly #cluster: KubeCluster;
  readonly #clients: Client[] = [];
  readonly #processes: { readonly child: ChildProcess; readonly ended: Promise<number> }[] = [];

  private constructor(cluster: KubeCluster) {
    this.#cluster = cluster;
  }

  /** Pods `server-N` and `client-N` on every node, processes on every node and in the world. */
  static async start(cluster: KubeCluster): Promise<KubeTraffic> {
    const traffic = new KubeTraffic(cluster);
    const nodes = cluster.record.nodes.map(({ name }) => name);
    await cluster.api.apply(nodes.map((node) => pod('server', node, serverContainer)));
    const servers = await ready(cluster, 'server', nodes.length);
    const toServers = targets(
      servers.flatMap(({ addresses }) => addresses),
      echo,
    );
    traffic.#spawn('world', ['serve']);
    const toWorld = targets(worldAddresses, echo);
    const asks = clientContainer([...toServers, ...toWorld]);
    await cluster.api.apply(nodes.map((node) => pod('client', node, asks)));
    for (const { name, node, addresses } of await ready(cluster, 'client', nodes.length))
      traffic.#clients.push({ name, where: node, report: `${addresses[0]}:8080` });
    for (const node of nodes) traffic.#spawnClient(node, toServers);
    const outside = cluster.record.nodes.flatMap(({ addresses }) => addresses);
    traffic.#spawnClient('world', targets(outside, hostPorts));
    await eventually('every client tells', async () => {
      const answers = await Promise.all(traffic.#clients.map((client) => traffic.#ask(client)));
      return answers.every(({ exitCode }) => exitCode === 0);
    });
    return traffic;
  }

  /** Asserts that nothing is lost meanwhile, and until every way has continued afterwards. */
  async during<Result>(
    context: TestContext,
    what: string,
    act: () => Promise<Result>,
  ): Promise<Result> {
    const first = await this.#tallies();
    const began = performance.now();
    const result = await act();
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const before = await this.#tallies();
    let slowestMs = Math.max(...before.map((tally) => tally.slowestMs));
    const after = await eventually(
      'every way has gone on',
      async () => {
        const now = await this.#tallies();
        slowestMs = Math.max(slowestMs, ...now.map((tally) => tally.slowestMs));
        return now.every(({ done }, index) => done > (before[index]?.done ?? 0) + 1) && now;
      },
      { timeoutMs: answerMs },
    );
    const done = sum(after) - sum(first);
    const lost = after.filter((tally) => tally.lost > 0);
    context.diagnostic(
      `${what}: ${seconds} s, ${done} exchanges on ${after.length} ways, ${lost.length} ways with losses, slowest ${slowestMs} ms`,
    );
    assert.deepEqual(lost, []);
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child, ended } of this.#processes) {
      child.kill('SIGTERM');
      await ended;
    }
    await this.#cluster.api.kubectl('delete', 'pod', '-l', 'role in (server,client)', '--now');
  }

  async #tallies(): Promise<readonly (Tally & { readonly from: string })[]> {
    const answers = this.#clients.map(async (client) => {
      const { exitCode, stdout, stderr } = await this.#ask(client);
      assert.equal(exitCode, 0, `${client.name}: ${stderr}`);
      return (JSON.parse(stdout) as readonly Tally[]).map((tally) => ({
        from: client.name,
        ...tally,
      }));
    });
    return (await Promise.all(answers)).flat();
  }

  #ask({ where, report }: Client): ReturnType<KubeCluster['run']> {
    return this.#cluster.run(where, ['curl', '-sS', '--max-time', '10', `http://${report}/`]);
  }

  #spawnClient(where: string, to: readonly string[]): void {
    this.#spawn(where, ['traffic', processReport, ...to]);
    this.#clients.push({ name: where, where, report: processReport });
  }

  #spawn(where: string, words: readonly string[]): void {
    const { place, enter } = this.#cluster.entry(where);
    const podtool = programPath({ folder: this.#cluster.record.programs }, 'podtool');
    const program = where === 'world' ? podtool : `${nodeProgramsPath}/${basename(podtool)}`;
    const child = spawnInPlace(place, [...enter, program, ...words], { stdio: 'ignore' });
    this.#processes.push({ child, ended: exitOf(child) });
  }
}

const serverContainer = {
  ...webContainer,
  // A busy machine answers late; a container without any answer is restarted, and the tests count that.
  livenessProbe: {
    grpc: { port: 9090 },
    periodSeconds: 2,
    timeoutSeconds: 10,
    failureThreshold: 6,
  },
  ports: [
    { containerPort: echo.tcp, hostPort: hostPorts.tcp, protocol: 'TCP' },
    { containerPort: echo.udp, hostPort: hostPorts.udp, protocol: 'UDP' },
  ],
};

function clientContainer(to: readonly string[]): object {
  const command = ['podtool', 'traffic', ':8080', ...to];
  return { name: 'client', image: toolImage, imagePullPolicy: 'Never', command };
}

function pod(role: string, node: string, container: object): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'default', name: `${role}-of-${node}`, labels: { role } },
    spec: { nodeName: node, containers: [container], terminationGracePeriodSeconds: 1 },
  };
}

function ready(cluster: KubeCluster, role: string, count: number): ReturnType<typeof readyPods> {
  return cluster.api.waitFor(`the ${role} pods are Ready`, async () => {
    const pods = await readyPods(cluster, `role=${role}`);
    return pods.length === count && pods;
  });
}

function targets(
  addresses: readonly string[],
  ports: Readonly<Record<'tcp' | 'udp', number>>,
): readonly string[] {
  return addresses.flatMap((address) =>
    Object.entries(ports).map(([protocol, port]) => `${protocol}:${urlHost(address)}:${port}`),
  );
}

function sum(tallies: readonly Tally[]): number {
  return tallies.reduce((total, { done }) => total + done, 0);
}
