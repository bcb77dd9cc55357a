// The inner process of ../services.ts, in the API server's network namespace.   main.js quick|full SIZE...
//
// A proxy under test and both ends of traffic have one processor, everything else the other. Traffic is measured while
// no proxy runs: what they wrote stays. Progress goes to stderr, the figures to stdout as JSON.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BareApiServer } from '../../test/kube/api/bare-api-server.ts';
import { buildPrograms, programPath } from '../../test/kube/cluster/programs.ts';
import { printedProgress } from '../../test/kube/cluster/progress.ts';
import type { Figure } from '../experiment.ts';
import { ApiWriter } from '../simulated/api-writer.ts';
import { flatness } from './derived.ts';
import { Population } from './fill.ts';
import { compareProxies, type ProxyRun } from './one-size.ts';
import { commandsOf } from './process-cost.ts';
import { apiAddress, makeSwitch } from './world.ts';

const [size, ...numbers] = process.argv.slice(2);
const sizes = numbers.map(Number);
const stop = new AbortController();
// Several signals may arrive when a whole process group is ended; all of them mean one orderly end.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());

function progress(text: string): void {
  process.stderr.write(`services, ${Math.round(process.uptime())} s: ${text}\n`);
}

async function run(): Promise<readonly Figure[]> {
  const onProgress = printedProgress();
  const programs = await buildPrograms(onProgress, stop.signal, ['kube-proxy']);
  const folder = mkdtempSync(join(tmpdir(), 'heddle-bench-services-'));
  try {
    makeSwitch({ namespacePath: `/proc/${process.pid}/ns/net` });
    progress('starting etcd and kube-apiserver');
    await using server = await BareApiServer.start({ address: apiAddress, onProgress });
    using writer = new ApiWriter(server.url, server.folder, 4);
    for (const pid of [process.pid, ...commandsOf(process.pid)]) pin(pid, 1);
    const population = new Population(server, writer);
    const common: Omit<ProxyRun, 'size'> = {
      ...{ server, writer, population, folder },
      kubeProxy: programPath(programs, 'kube-proxy'),
      isQuick: size === 'quick',
      ...{ signal: stop.signal, progress },
    };
    const figures: Figure[] = [];
    for (const services of sizes)
      figures.push(...(await compareProxies({ ...common, size: services })));
    return [...figures, ...flatness(figures, sizes)];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function pin(pid: number, cpu: number): void {
  execFileSync('taskset', ['-acp', String(cpu), String(pid)], { stdio: 'ignore' });
}

process.stdout.write(`${JSON.stringify(await run())}\n`);
