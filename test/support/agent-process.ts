// A real agent process in a fresh network namespace with one uplink, for tests that kill, restart and tamper.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { NodeStatus } from '../../src/api/status.ts';
import { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { runIn, spawnIn, testNamespace, testNamespacePath } from './namespaces.ts';
import { testPinFolder } from './pin-folder.ts';

const heddle = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const shim = fileURLToPath(new URL('../../shim/heddle-cni', import.meta.url));

const nodesYaml = [1, 2]
  .map(
    (index) => `apiVersion: v1
kind: Node
metadata: { name: node-${index} }
spec: { podCIDRs: [10.201.${index}.0/24, "fd00:201:${index}::/64"] }
status:
  addresses:
    - { type: InternalIP, address: 10.200.0.1${index} }
    - { type: InternalIP, address: "fd00:200::1${index}" }
`,
  )
  .join('---\n');

export interface AgentPlace {
  readonly namespace: NetworkNamespace;
  readonly folder: string;
  readonly pinDir: string;
  readonly socket: string;
  readonly stateDir: string;
  readonly config: string;
  /** The file for its log, instead of `RunningAgent.log`. */
  readonly logFile?: string;
  /** Shell words that run before it, in its own mount namespace. */
  readonly before?: string;
}

/** What ends the running agents, by the folder of their place. */
const agents = new Map<string, Set<() => Promise<void>>>();

async function endAgents(folder: string): Promise<void> {
  for (const end of agents.get(folder) ?? []) await end();
  agents.delete(folder);
}

/** A node with the uplink `eth0` and its configuration; no process runs yet. */
export function agentPlace(context: TestContext, settings = ''): AgentPlace {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'heddle-agent-'));
  // Before anything of the place goes: as long as an agent runs, it writes files and restores its pins.
  context.after(async () => {
    await endAgents(folder);
    fs.rmSync(folder, { recursive: true, force: true });
  });
  const namespace = uplinkNamespace(context);

  const place = {
    namespace,
    folder,
    pinDir: path.join(testPinFolder(context), 'heddle'),
    socket: path.join(folder, 'run', 'agent.sock'),
    stateDir: path.join(folder, 'state'),
    config: path.join(folder, 'agent.yaml'),
  };
  fs.mkdirSync(path.join(folder, 'cluster'));
  fs.writeFileSync(path.join(folder, 'cluster', 'nodes.yaml'), nodesYaml);
  fs.writeFileSync(place.config, configuration(place, settings));
  return place;
}

/** The same machine after a reboot: a new network namespace with only the uplink. Disk and pins are unchanged. */
export function rebooted(context: TestContext, place: AgentPlace): AgentPlace {
  return { ...place, namespace: uplinkNamespace(context) };
}

function uplinkNamespace(context: TestContext): NetworkNamespace {
  const namespace = testNamespace(context);
  for (const line of [
    'link set lo up',
    'link add eth0 type veth peer name wire',
    // No addresses that the kernel generates, which appear late.
    'link set wire addrgenmode none up',
    'link set eth0 addrgenmode none up',
    'address add 10.200.0.11/24 dev eth0',
    'address add fd00:200::11/64 dev eth0 nodad',
  ]) {
    runIn(namespace, 'ip', ...line.split(' '));
  }
  return namespace;
}

function configuration(
  { socket, stateDir, pinDir }: Omit<AgentPlace, 'config'>,
  more: string,
): string {
  const own = `node: node-1
cluster: { directory: cluster }
stateDir: ${stateDir}
socket: ${socket}
pinDir: ${pinDir}
`;
  const sizes = ['reconcilePeriodMs: 400', 'flowEntries: 1024', 'addressEntries: 256']
    .concat('endpointEntries: 16')
    .filter((line) => !more.includes(`${line.split(':')[0]}:`));
  return `${own}${sizes.join('\n')}\n${more}`;
}

export interface RunningAgent {
  readonly process: ChildProcess;
  readonly readyAfterMs: number;
  /** Lines of its log so far. */
  log(): readonly Record<string, unknown>[];
  /** Resolves with exit code or signal. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

/** An agent that may end before it serves. */
export interface LaunchedAgent {
  readonly process: ChildProcess;
  /** Its output on standard error. */
  text(): string;
  /** Resolves with exit code or signal. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

/** Does not wait for the agent. `environment`: additional variables. */
export function launchAgent(
  context: TestContext,
  place: AgentPlace,
  environment: Readonly<Record<string, string>> = {},
): LaunchedAgent {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const command = [...variables, process.execPath, heddle, 'agent', '-c', place.config];
  const { logFile, before } = place;
  const child =
    before !== undefined
      ? spawnIn(place.namespace, 'unshare', [
          ...['--mount', '--propagation', 'slave'],
          ...['sh', '-c', `${before} && exec env "$@"`, 'sh', ...command],
        ])
      : logFile === undefined
        ? spawnIn(place.namespace, 'env', command)
        : spawnIn(place.namespace, 'sh', ['-c', 'exec env "$@" 2>>"$0"', logFile, ...command]);
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal));
  });
  let text = '';
  child.stderr?.on('data', (chunk) => {
    text += String(chunk);
  });
  const running = agents.get(place.folder) ?? new Set();
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    running.delete(end);
  };
  agents.set(place.folder, running.add(end));
  context.after(end);
  return { process: child, text: () => text, ended };
}

/** Waits until the agent is ready. `environment`: additional variables. */
export async function startAgent(
  context: TestContext,
  place: AgentPlace,
  environment: Readonly<Record<string, string>> = {},
): Promise<RunningAgent> {
  const began = Date.now();
  const { process: child, text, ended } = launchAgent(context, place, environment);
  while ((await get(place, '/readyz').catch(() => undefined))?.status !== 200) {
    if (child.exitCode !== null || Date.now() - began > 60_000) throw new Error(`agent: ${text()}`);
    await setTimeout(10);
  }
  return {
    process: child,
    readyAfterMs: Date.now() - began,
    log: () =>
      text()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    end: (signal) => {
      child.kill(signal);
      return ended;
    },
  };
}

/** GET on the agent's socket. */
export function get(
  { socket }: AgentPlace,
  url: string,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    // `agent: false`: no connection is kept open.
    const options = { socketPath: socket, path: url, agent: false };
    const request = http.get(options, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += String(chunk);
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.on('error', reject);
  });
}

export async function status(place: AgentPlace): Promise<NodeStatus> {
  return JSON.parse((await get(place, '/v1/status')).text) as NodeStatus;
}

/** Waits until `check` no longer throws. */
export async function eventuallyPasses(
  check: () => void | Promise<void>,
  timeoutMs = 5000,
): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; ; await setTimeout(20)) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

export interface PodNetns {
  readonly path: string;
  readonly namespace: NetworkNamespace;
  /** Ends the namespace with its path; the end of the test does this too. */
  end(): void;
}

/** A pod's network namespace. */
export function podNamespace(context: TestContext): PodNetns {
  const podPath = testNamespacePath();
  const namespace = NetworkNamespace.create(podPath);
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    namespace[Symbol.dispose]();
    NetworkNamespace.remove(podPath);
  };
  context.after(end);
  return { path: podPath, namespace, end };
}

export interface CniInvocation {
  readonly verb: 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS';
  readonly containerId: string;
  readonly netns: string;
  /** Additional keys of the configuration. */
  readonly more?: object;
}

/** Runs the real shim as a container runtime does; returns its standard output, throws an Error if it fails. */
export function cni(place: AgentPlace, call: CniInvocation): string {
  const { program, env, input } = execution(place, call);
  return execFileSync(program, { encoding: 'utf8', env, input });
}

export interface CniEnd {
  readonly exitCode: number;
  /** undefined for an empty answer. */
  readonly answer: CniOutput | undefined;
}

/** The part of a result, or of an error, that tests compare. */
export interface CniOutput {
  readonly ips?: readonly { readonly address: string }[];
  readonly code?: number;
  readonly msg?: string;
}

/** The same concurrently with other calls: resolves with any answer. */
export function cniBeside(place: AgentPlace, call: CniInvocation): Promise<CniEnd> {
  const { program, env, input } = execution(place, call);
  return new Promise((resolve, reject) => {
    const child = spawn(program, { env, stdio: ['pipe', 'pipe', 'ignore'] });
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += String(chunk);
    });
    child.once('error', reject).once('close', (code) => {
      resolve({ exitCode: code ?? 255, answer: text === '' ? undefined : JSON.parse(text) });
    });
    child.stdin.end(input);
  });
}

export interface CniExecution {
  readonly program: string;
  readonly input: string;
  readonly env: Readonly<Record<string, string>>;
}

/** How a container runtime starts the plugin. */
export function execution(
  { socket }: AgentPlace,
  { verb, containerId, netns, more = {} }: CniInvocation,
): CniExecution {
  return {
    program: shim,
    input: JSON.stringify({
      cniVersion: '1.1.0',
      name: 'heddle',
      type: 'heddle-cni',
      agentSocket: socket,
      ...more,
    }),
    env: {
      CNI_COMMAND: verb,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: netns,
      CNI_IFNAME: 'eth0',
      CNI_PATH: path.dirname(shim),
      CNI_ARGS: 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1',
    },
  };
}
