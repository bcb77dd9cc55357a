// The agent of `node-1`: an experiment starts, queries, stops and uninstalls it; it has a processor of its own.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { NodeStatus } from '../../src/api/status.ts';
import { exitOf } from '../../src/lab/spawn.ts';

const heddle = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface AgentProcessOptions {
  readonly folder: string;
  readonly pinDir: string;
  readonly kubeconfig: string;
  readonly cpu: number;
  /** Default: that of this process. */
  readonly namespacePath?: string;
  /** Longest start; default: 120. */
  readonly mostSeconds?: number;
  /** More of its configuration, as in its YAML file. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

export class AgentProcess {
  readonly socket: string;
  readonly #options: AgentProcessOptions;
  readonly #configuration: string;
  #child: ChildProcess | undefined;

  constructor(options: AgentProcessOptions) {
    const { folder, pinDir, kubeconfig, settings = {} } = options;
    // JSON is YAML.
    const more = Object.entries(settings).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
    this.#options = options;
    this.socket = join(folder, 'agent.sock');
    this.#configuration = join(folder, 'agent.yaml');
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      this.#configuration,
      `node: node-1
cluster: { kubernetes: { kubeconfig: ${kubeconfig} } }
stateDir: ${folder}/state
socket: ${this.socket}
pinDir: ${pinDir}
metrics: { address: "127.0.0.1:0" }
cni: { binDir: ${folder}, confDir: ${folder} }
logLevel: warn
${more.join('\n')}
`,
    );
  }

  /** Seconds from the start of the process until it is ready. */
  async start(signal: AbortSignal): Promise<number> {
    const began = performance.now();
    const { cpu, mostSeconds = 120 } = this.#options;
    const agent = [process.execPath, ...profiling(), heddle, 'agent', '-c', this.#configuration];
    const pinned = ['taskset', '-c', String(cpu), ...agent];
    const [command = '', ...words] = [...this.#enter, ...pinned];
    const child = spawn(command, words, { stdio: ['ignore', 'ignore', 'inherit'] });
    this.#child = child;
    while ((await this.#ask('/readyz'))?.code !== 200) {
      signal.throwIfAborted();
      if (child.exitCode !== null) throw new Error(`the agent ended with ${child.exitCode}`);
      if (performance.now() - began > mostSeconds * 1000)
        throw new Error(`the agent is not ready after ${mostSeconds} s`);
      await sleep(20);
    }
    return (performance.now() - began) / 1000;
  }

  async status(): Promise<NodeStatus> {
    const answer = await this.#ask('/v1/status');
    if (answer === undefined) throw new Error('the agent does not answer');
    return JSON.parse(answer.text) as NodeStatus;
  }

  /** Current and maximum memory, 10^6 bytes (VmRSS, VmHWM of proc(5)). */
  get residentMegabytes(): { readonly now: number; readonly atMost: number } {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    const read = (name: string): number =>
      (Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024) / 1e6;
    return { now: read('VmRSS'), atMost: read('VmHWM') };
  }

  /** User and system time since its start. */
  get processorSeconds(): number {
    const fields = readFileSync(`/proc/${this.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    const ticksPerSecond = 100;
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  }

  /** Its processor time while `action` runs, in percent of one processor. */
  async processorPercent(action: Promise<unknown>): Promise<number> {
    const began = performance.now();
    const before = this.processorSeconds;
    await action;
    return ((this.processorSeconds - before) / ((performance.now() - began) / 1000)) * 100;
  }

  /** Stops the agent; the data path stays. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = exitOf(child);
    child.kill('SIGTERM');
    await ended;
  }

  /** Afterwards nothing of the agent remains. */
  uninstall(): void {
    const { folder, pinDir } = this.#options;
    const places = ['--bin-dir', folder, '--conf-dir', folder];
    const uninstall = [heddle, 'uninstall', '-c', this.#configuration, ...places];
    const [command = '', ...words] = [...this.#enter, process.execPath, ...uninstall];
    execFileSync(command, words, { stdio: 'ignore' });
    if (existsSync(pinDir)) throw new Error(`${pinDir} is still there`);
  }

  get #enter(): readonly string[] {
    const { namespacePath } = this.#options;
    return namespacePath === undefined ? [] : ['nsenter', `--net=${namespacePath}`];
  }

  /** taskset and nsenter become the agent: the same process. */
  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('the agent is not running');
    return pid;
  }

  #ask(path: string): Promise<{ readonly code: number; readonly text: string } | undefined> {
    return new Promise((resolve) => {
      const asked = request({ socketPath: this.socket, path }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        answer.once('end', () => resolve({ code: answer.statusCode ?? 0, text }));
      });
      asked.once('error', () => resolve(undefined)).end();
    });
  }
}

/** `HEDDLE_BENCH_PROFILE=FOLDER` writes a processor profile of each agent. */
function profiling(): readonly string[] {
  if (process.env['HEDDLE_BENCH_PROFILE'] === undefined) return [];
  return ['--import', new URL('./profile.js', import.meta.url).href];
}
