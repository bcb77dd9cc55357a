// The agent process of one node: started in the node's namespace and cgroup, watched, and restarted when it ends.

import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { basename, dirname } from 'node:path';
import { stringify } from 'yaml';
import { backoffMs } from '../base/backoff.ts';
import { networkConfiguration } from '../cni/install.ts';
import { heddleCommand, shimPath } from './paths.ts';
import type { LabMode, LabNodeRecord } from './record.ts';
import { exitOf, spawnInPlace } from './spawn.ts';

export type AgentState = LabNodeRecord['agent'];

/** Additional keys of the agent's configuration, as in its YAML file. */
export type AgentSettings = Readonly<Record<string, unknown>>;

export interface LabAgentOptions {
  readonly node: Omit<LabNodeRecord, 'agent'> & { readonly state: string };
  readonly mode: LabMode;
  readonly clusterDirectory: string;
  readonly settings: AgentSettings;
  readonly onChange: () => void;
  readonly onNote: (text: string) => void;
}

const readyTimeoutMs = 30_000;
const stopTimeoutMs = 5_000;

export class LabAgent {
  readonly #options: LabAgentOptions;
  #child: ChildProcess | undefined;
  #state: AgentState = { state: 'down', restarts: 0 };
  #wanted = false;
  #failures = 0;

  constructor(options: LabAgentOptions) {
    this.#options = options;
  }

  get state(): AgentState {
    return this.#state;
  }

  /** Resolves when the agent is ready. Throws with the end of its log if it is not ready within 30 s. */
  async start(): Promise<void> {
    writeNodeFiles(this.#options);
    this.#wanted = true;
    await this.#spawn();
  }

  /** Sends a signal to the current process. Tests kill it and the lab restarts it. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Stops the process (SIGTERM, after 5 s SIGKILL) and does not restart it. */
  async stop(): Promise<void> {
    this.#wanted = false;
    const child = this.#child;
    if (child === undefined) return;
    const ended = exitOf(child);
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    await ended;
    clearTimeout(timer);
  }

  async #spawn(): Promise<void> {
    const { node } = this.#options;
    const log = openSync(node.log, 'a');
    const startedAt = Date.now();
    const child = spawnInPlace(node, [...heddleCommand(), 'agent', '--config', node.config], {
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    this.#update({ state: 'starting', pid: child.pid, restarts: this.#state.restarts });
    child.once('error', (error) => this.#options.onNote(`agent of ${node.name}: ${error.message}`));
    child.once('exit', (code, signal) => this.#ended(child, signal ?? `exit code ${code}`));
    await this.#untilReady(child, startedAt);
  }

  async #untilReady(child: ChildProcess, startedAt: number): Promise<void> {
    const { node } = this.#options;
    while (!(await isReady(node.socket))) {
      if (this.#child !== child) throw notReady(node, 'ended before it was ready');
      if (Date.now() - startedAt > readyTimeoutMs) {
        throw notReady(node, 'was not ready within 30 s');
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.#failures = 0;
    this.#update({ ...this.#state, state: 'ready', readyAfterMs: Date.now() - startedAt });
  }

  #ended(child: ChildProcess, how: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#update({ state: 'down', restarts: this.#state.restarts });
    if (!this.#wanted) return;
    this.#failures += 1;
    const delayMs =
      this.#failures === 1 ? 0 : backoffMs(this.#failures - 1, { firstMs: 500, maxMs: 10_000 });
    const { node, onNote } = this.#options;
    onNote(
      `agent of ${node.name} ended (${how}): started again${delayMs > 0 ? ` in ${delayMs} ms` : ''}`,
    );
    setTimeout(() => this.#restart(), delayMs);
  }

  #restart(): void {
    if (!this.#wanted) return;
    this.#update({ ...this.#state, restarts: this.#state.restarts + 1 });
    this.#spawn().catch((error: Error) => this.#options.onNote(error.message));
  }

  #update(state: AgentState): void {
    this.#state = state;
    this.#options.onChange();
  }
}

function writeNodeFiles({ node, mode, clusterDirectory, settings }: LabAgentOptions): void {
  for (const path of [node.config, node.conflist]) mkdirSync(dirname(path), { recursive: true });
  mkdirSync(node.state, { recursive: true });
  const config = {
    node: node.name,
    mode,
    cluster: { directory: clusterDirectory },
    stateDir: node.state,
    socket: node.socket,
    pinDir: node.pins,
    cgroupRoot: node.cgroup,
    ...settings,
  };
  writeFileSync(node.config, stringify(config));
  writeFileSync(node.conflist, networkConfiguration(node.socket, basename(shimPath())));
}

// A lab that fails to start is removed with its logs, so the error contains the end of the log.
function notReady({ name, log }: LabAgentOptions['node'], what: string): Error {
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-5);
  return new Error(`agent of ${name} ${what}; its last lines (${log}):\n  ${lines.join('\n  ')}`);
}

function isReady(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path: '/readyz', timeout: 1000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on('error', () => resolve(false));
    asked.on('timeout', () => asked.destroy());
    asked.end();
  });
}
