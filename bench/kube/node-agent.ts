// The agent of one node of the test cluster: its process on this machine, and its own counters.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { KubeCluster } from '../../test/kube/cluster/cluster.ts';
import { clusterNamespacePath } from '../../test/kube/cluster/paths.ts';

export class NodeAgent {
  readonly #cluster: KubeCluster;
  readonly #node: string;
  readonly #pid: number;

  /** Throws an Error if no agent runs there. */
  constructor(cluster: KubeCluster, node: string) {
    this.#cluster = cluster;
    this.#node = node;
    this.#pid = agentIn(clusterNamespacePath(cluster.paths, node));
  }

  /** VmRSS of proc(5), 10^6 bytes. */
  get residentMegabytes(): number {
    const status = readFileSync(`/proc/${this.#pid}/status`, 'utf8');
    return (Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024) / 1e6;
  }

  /** User and system time since its start. */
  get processorSeconds(): number {
    const fields = readFileSync(`/proc/${this.#pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    const ticksPerSecond = 100;
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  }

  /** Requests to the API server since its start. */
  async requests(): Promise<{ readonly watches: number; readonly others: number }> {
    const asked = [
      'curl',
      '-sf',
      '--unix-socket',
      '/run/heddle/agent.sock',
      'http://agent/metrics',
    ];
    const { exitCode, stdout } = await this.#cluster.run(this.#node, asked);
    if (exitCode !== 0) throw new Error(`the agent of ${this.#node} gives no metrics`);
    const counts = { watches: 0, others: 0 };
    for (const [, labels, value] of stdout.matchAll(/^heddle_api_requests_total\{(.*)\} (\d+)$/gm))
      counts[labels?.includes('verb="watch"') === true ? 'watches' : 'others'] += Number(value);
    return counts;
  }
}

function agentIn(namespace: string): number {
  const { ino } = statSync(namespace);
  const pid = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .find((name) => isAgentIn(name, ino));
  if (pid === undefined) throw new Error(`no agent runs in ${namespace}`);
  return Number(pid);
}

function isAgentIn(pid: string, namespace: number): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return words.includes('agent') && statSync(`/proc/${pid}/ns/net`).ino === namespace;
  } catch {
    // The process has ended meanwhile.
    return false;
  }
}
