// The real helm, built from the Go module in test/kube/helm and kept outside the tree, under the hash of its sources.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findGo } from '../../test/kube/cluster/go.ts';

const module = 'test/kube/helm';

/**
 * Returns the path of helm; builds it if it is missing (a minute or two). Throws an Error with the compiler's output.
 */
export function helmProgram(): string {
  const go = findGo();
  const hash = createHash('sha256').update(go.version);
  for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(join(module, file)));
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const folder = join(cache, 'heddle/helm', hash.digest('hex').slice(0, 20));
  const program = join(folder, 'helm');
  if (existsSync(program)) return program;
  console.error('building helm (a minute or two, once) ...');
  mkdirSync(folder, { recursive: true });
  const draft = `${program}.draft-${process.pid}`;
  const words = ['build', '-trimpath', '-buildvcs=false', '-ldflags', '-s -w', '-o', draft];
  const { status, stderr } = spawnSync('go', [...words, 'helm.sh/helm/v3/cmd/helm'], {
    cwd: module,
    env: { ...go.environment, CGO_ENABLED: '0' },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`go build of helm ended with exit code ${status}:\n${stderr}`);
  renameSync(draft, program);
  return program;
}

// Without a cluster, helm assumes a very old one.
const template = ['template', '--kube-version', '1.30.0'];

/**
 * Returns the output of `helm template` for the chart. `values`: `['prometheus.podMonitor=true']`. Throws an Error with
 * helm's output.
 */
export function helmTemplate(helm: string, values: readonly string[] = []): string {
  const set = values.flatMap((value) => ['--set-json', value]);
  const { status, stdout, stderr } = spawnSync(
    helm,
    [...template, 'heddle', 'deploy/helm/heddle', '--namespace', 'kube-system', ...set],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`helm template ended with exit code ${status}: ${stderr}`);
  return stdout;
}
