// Runs Kubernetes' end-to-end tests (`e2e.test`) against a cluster, from the control plane's network, in several
// processes that `ginkgo` hands the specs.

import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../../../src/base/input-error.ts';
import { exitOf, spawnInPlace } from '../../../src/lab/spawn.ts';
import type { KubeCluster } from '../cluster/cluster.ts';
import { kubectlEnvironment } from '../cluster/kubectl.ts';
import { programPath } from '../cluster/programs.ts';
import { readSpecs, type Spec } from './junit.ts';

export interface SuiteOptions {
  /** Regular expressions of Go, on the full text of a spec. */
  readonly focus: string;
  readonly skip: string;
  /** Number of processes that run specs. Most specs wait most of the time. */
  readonly processes: number;
  readonly timeoutMinutes: number;
}

/** The suite's output and its report are written into this folder, which is emptied first. */
export interface SuiteRun extends SuiteOptions {
  readonly folder: string;
  readonly signal: AbortSignal;
}

export function outputFile(folder: string): string {
  return join(folder, 'output.txt');
}

/**
 * Throws an Error with the end of the output if the suite ended without its report, InputError if no spec was selected.
 */
export async function runSuite(cluster: KubeCluster, run: SuiteRun): Promise<readonly Spec[]> {
  rmSync(run.folder, { recursive: true, force: true });
  mkdirSync(run.folder, { recursive: true });
  const exitCode = await runToItsEnd(cluster, run);
  run.signal.throwIfAborted();
  const report = join(run.folder, 'junit_01.xml');
  if (!existsSync(report)) {
    const end = readFileSync(outputFile(run.folder), 'utf8').trimEnd().split('\n').slice(-20);
    throw new Error(`the suite ended with exit code ${exitCode} and no report:\n${end.join('\n')}`);
  }
  const specs = withExitCode(readSpecs(readFileSync(report, 'utf8')), exitCode);
  if (specs.length > 0) return specs;
  const rule = `matches no spec that --skip ${run.skip} leaves`;
  throw new InputError({ object: '--focus', value: run.focus, rule });
}

async function runToItsEnd(cluster: KubeCluster, run: SuiteRun): Promise<number> {
  const output = openSync(outputFile(run.folder), 'w');
  try {
    // In its own session: Ctrl-C is for this program, which ends the suite with its cluster.
    const child = spawnInPlace(cluster.entry('control-plane').place, commandOf(cluster, run), {
      stdio: ['ignore', output, output],
      detached: true,
      environment: kubectlEnvironment(cluster.paths),
    });
    const end = (): void => void child.kill('SIGKILL');
    run.signal.addEventListener('abort', end);
    try {
      return await exitOf(child);
    } finally {
      run.signal.removeEventListener('abort', end);
    }
  } finally {
    closeSync(output);
  }
}

function commandOf(cluster: KubeCluster, run: SuiteRun): readonly string[] {
  const programs = { folder: cluster.record.programs };
  const ginkgo = {
    procs: run.processes,
    focus: run.focus,
    skip: run.skip,
    timeout: `${run.timeoutMinutes}m`,
    'no-color': true,
    'silence-skips': true,
    'output-interceptor-mode': 'none',
  };
  const suite = {
    kubeconfig: cluster.paths.adminConfig,
    'kubectl-path': programPath(programs, 'kubectl'),
    // Not a cloud: specs that need one skip themselves.
    provider: 'skeleton',
    'num-nodes': cluster.record.nodes.length,
    'node-os-distro': 'debian',
    'report-dir': run.folder,
  };
  return [
    ...[programPath(programs, 'ginkgo'), ...flags(ginkgo)],
    ...[programPath(programs, 'e2e.test'), '--', ...flags(suite)],
  ];
}

function flags(values: Readonly<Record<string, string | number | boolean>>): readonly string[] {
  return Object.entries(values).map(([name, value]) => `--${name}=${value}`);
}

// A suite that fails without a failed spec (a process that died, for example) must not pass.
function withExitCode(specs: readonly Spec[], exitCode: number): readonly Spec[] {
  if (exitCode === 0 || specs.some(({ outcome }) => outcome === 'failed')) return specs;
  const text = `exit code ${exitCode}, although no spec failed: see the output`;
  return [...specs, { name: 'the suite itself', outcome: 'failed', seconds: 0, text }];
}
