// A node for the CNI experiment: a namespace with an uplink, a real agent in it with its default settings, and room for
// 2,000 pods.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Plugin } from './load/cni-calls.ts';
import type { BenchPlace } from './place.ts';
import { connect, type Topology } from './reference/topology.ts';

const heddle = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
const shim = fileURLToPath(new URL('../shim/heddle-cni', import.meta.url));

const manifest = `apiVersion: v1
kind: Node
metadata: { name: bench }
spec: { podCIDRs: [10.214.0.0/21, "fd00:214::/64"] }
status: { addresses: [{ type: InternalIP, address: 10.215.0.1 }] }
`;

let started = 0;

interface NodePlace {
  readonly place: BenchPlace;
  readonly folder: string;
  readonly pinDir: string;
}

export interface Footprint {
  /** VmRSS of proc(5), 10^6 bytes. */
  readonly residentMegabytes: number;
  /** Memory that the kernel charges for the agent's BPF maps, in 10^6 bytes. */
  readonly mapMegabytes: number;
}

export class CniNode implements AsyncDisposable {
  readonly plugin: Plugin;
  readonly #folder: string;
  readonly #pinDir: string;
  readonly #place: BenchPlace;
  readonly #agent: ChildProcess;

  private constructor(name: string, { place, folder, pinDir }: NodePlace) {
    this.#place = place;
    this.#folder = folder;
    this.#pinDir = pinDir;
    const agentSocket = join(folder, 'agent.sock');
    this.plugin = {
      name,
      namespacePath: place.namespacePath,
      executable: shim,
      configuration: { cniVersion: '1.0.0', name: 'bench', type: 'heddle-cni', agentSocket },
    };
    this.#agent = spawn(
      'nsenter',
      [`--net=${place.namespacePath}`, process.execPath, heddle, 'agent', '-c', this.#config],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
  }

  /** `name` distinguishes several nodes of one run. */
  static async start(topology: Topology, name = 'heddle'): Promise<CniNode> {
    const number = ++started;
    const place = topology.namespace(`cni-node-${number}`);
    connect(
      { place, name: 'eth0', address: '10.215.0.1/24' },
      { place: topology.namespace(`cni-wire-${number}`), name: 'eth0' },
    );
    const folder = mkdtempSync(join(tmpdir(), 'heddle-bench-node-'));
    const pinDir = `/sys/fs/bpf/heddle-bench-${process.pid}-${number}`;
    mkdirSync(join(folder, 'cluster'));
    writeFileSync(join(folder, 'cluster', 'node.yaml'), manifest);
    writeFileSync(
      join(folder, 'agent.yaml'),
      `node: bench
cluster: { directory: cluster }
stateDir: ${folder}/state
socket: ${folder}/agent.sock
pinDir: ${pinDir}
metrics: { address: "127.0.0.1:0" }
logLevel: warn
ipam: { cooldownMs: 0 }
`,
    );
    const node = new CniNode(name, { place, folder, pinDir });
    try {
      await node.#untilReady();
      return node;
    } catch (error) {
      await node[Symbol.asyncDispose]();
      throw error;
    }
  }

  footprint(): Footprint {
    const descriptors = `/proc/${this.#pid}/fdinfo`;
    const maps = new Map<string, number>();
    for (const fd of readdirSync(descriptors)) {
      const text = infoOf(join(descriptors, fd));
      const id = /^map_id:\s+(\d+)$/m.exec(text)?.[1];
      if (id !== undefined) maps.set(id, Number(/^memlock:\s+(\d+)$/m.exec(text)?.[1]));
    }
    const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.#pid}/status`, 'utf8'));
    return {
      residentMegabytes: (Number(resident?.[1]) * 1024) / 1e6,
      mapMegabytes: [...maps.values()].reduce((sum, bytes) => sum + bytes, 0) / 1e6,
    };
  }

  /** Percent of one processor while there are no requests. */
  async idlePercent(seconds: number): Promise<number> {
    const before = this.#processorSeconds();
    await sleep(seconds * 1000);
    return ((this.#processorSeconds() - before) / seconds) * 100;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#agent.exitCode === null && this.#agent.signalCode === null) {
      const gone = once(this.#agent, 'exit');
      this.#agent.kill('SIGTERM');
      await gone;
    }
    const { namespacePath } = this.#place;
    const command = [process.execPath, heddle, 'uninstall', '-c', this.#config];
    const places = ['--bin-dir', this.#folder, '--conf-dir', this.#folder];
    execFileSync('nsenter', [`--net=${namespacePath}`, ...command, ...places], { stdio: 'ignore' });
    if (existsSync(this.#pinDir)) throw new Error(`${this.#pinDir} is still there`);
    rmSync(this.#folder, { recursive: true });
  }

  get #config(): string {
    return join(this.#folder, 'agent.yaml');
  }

  // nsenter becomes the agent: the same process.
  get #pid(): number {
    const { pid } = this.#agent;
    if (pid === undefined) throw new Error('the agent did not start');
    return pid;
  }

  #processorSeconds(): number {
    const fields = readFileSync(`/proc/${this.#pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    const ticksPerSecond = 100;
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  }

  async #untilReady(): Promise<void> {
    for (let tries = 0; (await statusOf(join(this.#folder, 'agent.sock'))) !== 200; tries++) {
      if (this.#agent.exitCode !== null || tries > 1000) throw new Error('the agent is not ready');
      await sleep(20);
    }
  }
}

function infoOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // The socket was closed meanwhile.
    return '';
  }
}

function statusOf(socketPath: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path: '/readyz' }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asked.on('error', () => resolve(undefined));
    asked.end();
  });
}
