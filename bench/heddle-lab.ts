// Our arms: a lab of two nodes with real agents. Its pods are idle, so that only the load programs run in them.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import type { NodeStatus } from '../src/api/status.ts';
import type { LabMode, LabRecord, PodRecord } from '../src/lab/record.ts';
import type { Arm } from './arm.ts';
import { callInTurn } from './load/cni-calls.ts';
import type { BenchPlace } from './place.ts';
import type { BenchPods } from './pods.ts';

const heddle = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
const shim = fileURLToPath(new URL('../shim/heddle-cni', import.meta.url));
const run = promisify(execFile);

export class HeddleLab implements AsyncDisposable {
  readonly #name: string;
  readonly #directory: string;
  readonly #record: LabRecord;

  private constructor(name: string, directory: string, record: LabRecord) {
    this.#name = name;
    this.#directory = directory;
    this.#record = record;
  }

  /** `objects`: more manifests; `settings`: more of the agents' configuration, `KEY=VALUE`. */
  static async upWith(
    name: string,
    objects: readonly object[],
    settings: readonly string[],
  ): Promise<HeddleLab> {
    return HeddleLab.#start(name, 'native', { objects, settings });
  }

  /** Two nodes with room for 2,000 pods each; pods `client` and `near` on the first, `far` on the second. */
  static async up(
    name: string,
    mode: LabMode,
    progress: (text: string) => void,
  ): Promise<HeddleLab> {
    progress(`${mode} lab: starting two nodes`);
    return HeddleLab.#start(name, mode, { objects: [], settings: [] });
  }

  static async #start(
    name: string,
    mode: LabMode,
    more: { readonly objects: readonly object[]; readonly settings: readonly string[] },
  ): Promise<HeddleLab> {
    const directory = mkdtempSync(join(tmpdir(), 'heddle-bench-lab-'));
    const pods = [pod('client', 'node-1'), pod('near', 'node-1'), pod('far', 'node-2')];
    const manifests = [node(1), node(2), ...pods, ...more.objects].map((each) => stringify(each));
    writeFileSync(join(directory, 'cluster.yaml'), manifests.join('---\n'));
    const set = more.settings.flatMap((setting) => ['--set', setting]);
    const flags = ['--name', name, '--mode', mode, ...set];
    await run(process.execPath, [heddle, 'lab', 'up', directory, ...flags]);
    const status = [heddle, 'lab', 'status', '--name', name, '-o', 'json'];
    const { stdout } = await run(process.execPath, status);
    const [record] = JSON.parse(stdout) as readonly LabRecord[];
    if (record === undefined) throw new Error(`lab ${name} does not exist`);
    return new HeddleLab(name, directory, record);
  }

  get record(): LabRecord {
    return this.#record;
  }

  /** Adds these pods to the first node, by ADD as a runtime would. */
  async fill(
    pods: BenchPods,
    { from, to }: { readonly from: number; readonly to: number },
  ): Promise<void> {
    const [first] = this.#record.nodes;
    if (first === undefined) throw new Error(`lab ${this.#name} has no node`);
    const { namespacePath, socket: agentSocket } = first;
    const configuration = { cniVersion: '1.0.0', name: 'bench', type: 'heddle-cni', agentSocket };
    const plugin = { name: 'heddle', namespacePath, executable: shim, configuration };
    await callInTurn(plugin, 'ADD', pods.atLeast(to).slice(from, to));
  }

  /** Of a table of the first node's agent. */
  async appliedEntries(table: string): Promise<number> {
    const [first] = this.#record.nodes;
    const status = [heddle, 'status', '--socket', first?.socket ?? '', '-o', 'json'];
    // It fails while anything is degraded, and prints the same.
    const { stdout } = await run(process.execPath, status).catch(
      (error: { stdout: string }) => error,
    );
    const { tables } = JSON.parse(stdout) as NodeStatus;
    return tables.find(({ name }) => name === table)?.applied ?? 0;
  }

  /** Replaces the file of further manifests; the agents follow. */
  write(objects: readonly object[]): void {
    const text = objects.map((each) => stringify(each)).join('---\n');
    writeFileSync(join(this.#directory, 'more.yaml'), text);
  }

  /** The client, in its pod's cgroup. */
  get inCgroup(): BenchPlace {
    const { namespacePath, cgroup } = this.#pod('client');
    return { namespacePath, ownCgroup: cgroup };
  }

  sameNode(name: string): Arm {
    return this.#arm(name, this.#pod('near'));
  }

  crossNode(name: string): Arm {
    return this.#arm(name, this.#pod('far'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run(process.execPath, [heddle, 'lab', 'down', '--name', this.#name]);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #arm(name: string, server: PodRecord): Arm {
    const address = server.addresses.find((each) => !each.includes(':'));
    if (address === undefined) throw new Error(`pod ${server.name} has no IPv4 address`);
    return { name, client: this.#pod('client'), server, address };
  }

  #pod(name: string): PodRecord {
    const found = this.#record.pods.find((each) => each.name === name);
    if (found === undefined) throw new Error(`lab ${this.#name} has no pod ${name}`);
    return found;
  }
}

function node(number: number): object {
  const podCIDRs = [`10.201.${number * 8}.0/21`, `fd00:201:${number}::/64`];
  const address = { type: 'InternalIP', address: `10.200.0.${number}` };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: `node-${number}` },
    spec: { podCIDRs },
    status: { addresses: [address] },
  };
}

function pod(name: string, nodeName: string): object {
  const containers = [{ name: 'idle', image: 'host', command: ['sleep', 'infinity'] }];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'bench', name },
    spec: { nodeName, containers },
  };
}
