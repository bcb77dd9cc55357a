// The inner process of ../kube-simulated.ts, in the node's network namespace: API server, objects, agent,
// load.   main.js NAMESPACE quick|full
//
// The agent has one processor, everything else the other. Progress goes to stderr, what was measured to stdout as JSON.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { exitOf } from '../../src/lab/spawn.ts';
import { agentToken, auditedRequests } from '../../test/kube/api/audit.ts';
import { BareApiServer } from '../../test/kube/api/bare-api-server.ts';
import { printedProgress } from '../../test/kube/cluster/progress.ts';
import { percentile, series } from '../statistics.ts';
import { AgentProcess } from './agent-process.ts';
import { ApiWriter } from './api-writer.ts';
import { fill } from './fill.ts';
import { measureLags } from './lag.ts';
import type { Measured } from './measured.ts';
import { LocalPods } from './pods.ts';

const [agentCpu, otherCpu] = [0, 1];
const localPods = 20;
const [namespacePath = '', size] = process.argv.slice(2);
const isQuick = size === 'quick';
const stop = new AbortController();
// More than one comes where a whole process group is told to end; all of them mean one orderly end.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());

function progress(text: string): void {
  process.stderr.write(`simulated cluster: ${text}\n`);
}

interface Parts {
  readonly server: BareApiServer;
  readonly writer: ApiWriter;
  readonly agent: AgentProcess;
  readonly pinDir: string;
}

async function run(): Promise<Measured> {
  progress('starting etcd and kube-apiserver');
  await using server = await BareApiServer.start({
    isAudited: true,
    onProgress: printedProgress(),
  });
  using writer = new ApiWriter(server.url, server.folder, 16);
  progress('writing 1,000 nodes and 10,000 pods');
  await fill(server, writer);
  for (const pid of [process.pid, ...childrenOf(process.pid)]) pin(pid, otherCpu);
  const folder = mkdtempSync(join(tmpdir(), 'heddle-bench-kube-'));
  const pinDir = `/sys/fs/bpf/heddle-bench-${process.pid}`;
  const kubeconfig = server.kubeconfigFor({ token: agentToken });
  const agent = new AgentProcess({ folder, pinDir, kubeconfig, cpu: agentCpu });
  using pods = new LocalPods(namespacePath, agent.socket, localPods);
  try {
    return await measure({ server, writer, agent, pinDir }, pods);
  } finally {
    await agent.stop();
    agent.uninstall();
    rmSync(folder, { recursive: true });
  }
}

async function measure(parts: Parts, pods: LocalPods): Promise<Measured> {
  const { agent } = parts;
  const starts = await coldStarts(parts);
  progress(`${localPods} pods by CNI ADD`);
  await pods.add();
  const rest = await atRest(parts);
  const load = await underLoad(parts);
  const { atMost } = agent.residentMegabytes;
  progress('restarting the agent');
  await agent.stop();
  const restart = [await agent.start(stop.signal)];
  await pods.delete();
  return { ...starts, ...rest, ...load, restart, residentAtMost: [atMost] };
}

/** The last agent stays. */
async function coldStarts({ server, agent }: Parts): Promise<Pick<Measured, 'coldSync' | 'read'>> {
  const coldSync: number[] = [];
  const read: number[] = [];
  const rounds = isQuick ? 1 : 3;
  for (let round = 1; round <= rounds; round++) {
    if (round > 1) {
      await agent.stop();
      agent.uninstall();
    }
    const requestsBefore = round === 1 ? 0 : auditedRequests(server.folder).length;
    const seconds = await agent.start(stop.signal);
    progress(`cold start ${round} of ${rounds}: ready after ${seconds.toFixed(1)} s`);
    coldSync.push(seconds);
    const { cluster } = await agent.status();
    const lists = (cluster.apiServer?.resources ?? []).flatMap(({ listedAt }) =>
      listedAt === undefined ? [] : [Date.parse(listedAt)],
    );
    const first = auditedRequests(server.folder)[requestsBefore]?.receivedAt.getTime() ?? 0;
    read.push((Math.max(...lists) - first) / 1000);
  }
  return { coldSync, read };
}

type AtRest = Pick<
  Measured,
  'residentAtRest' | 'processorAtRest' | 'requestsAtRest' | 'watchesAtRest'
>;

async function atRest({ server, agent }: Parts): Promise<AtRest> {
  const seconds = isQuick ? 10 : 45;
  progress(`at rest for ${seconds} s`);
  // The garbage of the start goes first.
  await sleep(isQuick ? 2_000 : 15_000, undefined, { signal: stop.signal });
  const toldBefore = await toldRequests(agent);
  const auditedBefore = auditedRequests(server.folder).length;
  const processorBefore = agent.processorSeconds;
  await sleep(seconds * 1000, undefined, { signal: stop.signal });
  const processorAtRest = [((agent.processorSeconds - processorBefore) / seconds) * 100];
  const audited = auditedRequests(server.folder).slice(auditedBefore);
  const told = (await toldRequests(agent)) - toldBefore;
  if (told !== audited.length) {
    const seen = audited.map(({ verb, resource }) => `${verb} ${resource}`).join(', ');
    throw new Error(`the agent counts ${told} requests, the API server ${audited.length}: ${seen}`);
  }
  const perMinute = (count: number): readonly number[] => [(count * 60) / seconds];
  const watches = audited.filter(({ verb }) => verb === 'watch').length;
  return {
    processorAtRest,
    residentAtRest: [agent.residentMegabytes.now],
    requestsAtRest: perMinute(audited.length - watches),
    watchesAtRest: perMinute(watches),
  };
}

async function toldRequests(agent: AgentProcess): Promise<number> {
  const { cluster } = await agent.status();
  return (cluster.apiServer?.requests ?? []).reduce((sum, { count }) => sum + count, 0);
}

type UnderLoad = Pick<Measured, 'processorUnderLoad' | 'changesPerSecond' | 'lagP50' | 'lagP99'>;

async function underLoad({ server, writer, agent, pinDir }: Parts): Promise<UnderLoad> {
  const seconds = isQuick ? 15 : 60;
  progress(`100 pod changes a second for ${seconds} s`);
  const program = fileURLToPath(new URL('./changes.js', import.meta.url));
  const child = spawn(process.execPath, [program, server.url, server.folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let changes = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    changes += text;
  });
  stop.signal.addEventListener('abort', () => child.kill('SIGKILL'), { once: true });
  const ended = exitOf(child, 'close');
  const began = performance.now();
  try {
    const processorBefore = agent.processorSeconds;
    const lags = await measureLags({ writer, pinDir, seconds, signal: stop.signal });
    const elapsed = (performance.now() - began) / 1000;
    const processorUnderLoad = [((agent.processorSeconds - processorBefore) / elapsed) * 100];
    child.stdin.end();
    if ((await ended) !== 0) throw new Error('the program that changes pods failed');
    const changesPerSecond = [Number(changes) / ((performance.now() - began) / 1000)];
    const lagP50 = [series(lags).median];
    return { processorUnderLoad, changesPerSecond, lagP50, lagP99: [percentile(lags, 99)] };
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

function pin(pid: number, cpu: number): void {
  execFileSync('taskset', ['-acp', String(cpu), String(pid)], { stdio: 'ignore' });
}

function childrenOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')
      .split(' ')
      .filter((word) => word !== '')
      .map(Number),
  );
}

process.stdout.write(`${JSON.stringify(await run())}\n`);
