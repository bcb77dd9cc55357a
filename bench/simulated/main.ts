// The inner process of ../kube-simulated.ts, in the node's network namespace: API server, objects, agent,
// load.   main.js NAMESPACE quick|full [PART...]
//
// The agent has one processor, everything else the other. Progress goes to stderr, what was measured to stdout as JSON.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentToken } from '../../test/kube/api/audit.ts';
import { BareApiServer } from '../../test/kube/api/bare-api-server.ts';
import { printedProgress } from '../../test/kube/cluster/progress.ts';
import { AgentProcess } from './agent-process.ts';
import { ApiWriter } from './api-writer.ts';
import { fill } from './fill.ts';
import type { Measured, PartName } from './measured.ts';
import type { Parts } from './parts.ts';
import { LocalPods } from './pods.ts';
import { atRest } from './rest.ts';
import { coldStarts, restarts } from './starts.ts';
import { underChanges } from './under-changes.ts';

const [agentCpu, otherCpu] = [0, 1];
const localPods = 20;
const [namespacePath = '', size, ...only] = process.argv.slice(2);
const isQuick = size === 'quick';
const stop = new AbortController();
// Several signals may arrive when a whole process group is ended; all of them mean one orderly end.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());

function progress(text: string): void {
  process.stderr.write(`simulated cluster: ${text}\n`);
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
    const run = { isQuick, signal: stop.signal, progress };
    return await measure({ server, writer, agent, pinDir, ...run }, pods);
  } finally {
    await agent.stop();
    agent.uninstall();
    rmSync(folder, { recursive: true });
  }
}

async function measure(parts: Parts, pods: LocalPods): Promise<Measured> {
  const wanted = (part: PartName): boolean => only.length === 0 || only.includes(part);
  const rounds = isQuick ? 1 : 3;
  const starts = await coldStarts(parts, wanted('start') ? rounds : 1);
  progress(`${localPods} pods by CNI ADD`);
  await pods.add();
  const rest = wanted('rest') ? await atRest(parts) : {};
  const changes = wanted('changes') ? await underChanges(parts) : {};
  const again = wanted('start') ? await restarts(parts, rounds) : {};
  await pods.delete();
  return { ...(wanted('start') && starts), ...rest, ...changes, ...again };
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
