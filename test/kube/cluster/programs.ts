// The programs of a Kubernetes cluster, built from the Go modules next to this folder and kept outside the tree, under
// a key of everything that determines them: a second cluster starts at once, also from another clone.

import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { close, open, openFlags, tryLock } from '../../../src/kernel/libc.ts';
import { exitOf } from '../../../src/lab/spawn.ts';
import { findGo, type GoToolchain } from './go.ts';
import { type Progress, timed } from './progress.ts';

/** test/kube in the sources, not in dist/: modules and manifests are there. */
export const sourceFolder: string = fileURLToPath(
  new URL('../../../../test/kube', import.meta.url),
);

interface Program {
  /** The folder below test/kube whose go.mod pins the version. */
  readonly module: '.' | 'coredns';
  readonly package: string;
  /** The kubelet needs C to read cgroups and mounts. */
  readonly cgo?: true;
  /** The program is the compiled tests of its package. */
  readonly isTest?: true;
}

/** The programs that can be built; `programPath` returns their paths. */
export type KubeProgram =
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'kube-proxy'
  | 'kubectl'
  | 'kubelet'
  | 'podtool'
  | 'coredns'
  | SuiteProgram;

/** The programs of Kubernetes' own end-to-end tests. No cluster needs them. */
type SuiteProgram = 'e2e.test' | 'ginkgo' | 'agnhost' | 'regression-issue-74839';

const programs: Readonly<Record<KubeProgram, Program>> = {
  etcd: { module: '.', package: 'go.etcd.io/etcd/server/v3' },
  'kube-apiserver': kubernetes('kube-apiserver'),
  'kube-controller-manager': kubernetes('kube-controller-manager'),
  'kube-scheduler': kubernetes('kube-scheduler'),
  'kube-proxy': kubernetes('kube-proxy'),
  kubectl: kubernetes('kubectl'),
  kubelet: { ...kubernetes('kubelet'), cgo: true },
  podtool: { module: '.', package: './podtool' },
  coredns: { module: 'coredns', package: 'github.com/coredns/coredns' },
  'e2e.test': { module: '.', package: 'k8s.io/kubernetes/test/e2e', isTest: true },
  ginkgo: { module: '.', package: 'github.com/onsi/ginkgo/v2/ginkgo' },
  agnhost: suiteImage('agnhost'),
  'regression-issue-74839': suiteImage('regression-issue-74839'),
};

export const suitePrograms: readonly KubeProgram[] = [
  'e2e.test',
  'ginkgo',
  'agnhost',
  'regression-issue-74839',
] satisfies readonly SuiteProgram[];

const clusterPrograms = (Object.keys(programs) as readonly KubeProgram[]).filter(
  (name) => !suitePrograms.includes(name),
);

/** The folder that holds the programs of this tree's modules; it exists once `buildPrograms` has returned. */
export interface Programs {
  readonly folder: string;
}

export function programPath({ folder }: Programs, name: KubeProgram): string {
  return join(folder, fileName(name));
}

/**
 * Builds missing programs (6 to 8 minutes on two cores with an empty Go cache, otherwise seconds). An interrupted build
 * continues where it stopped. Throws an Error with the end of the compiler's output.
 *
 * @param only what the caller needs, by default the programs of a cluster; the folder may lack the others.
 */
export async function buildPrograms(
  onProgress: Progress,
  signal?: AbortSignal,
  only: readonly KubeProgram[] = clusterPrograms,
): Promise<Programs> {
  const go = findGo();
  const folder = join(cacheFolder(), cacheKey(go));
  if (missing(folder, only).length === 0) return { folder };
  mkdirSync(folder, { recursive: true });
  const lock = await lockFolder(folder, onProgress, signal);
  try {
    for (const draft of readdirSync(folder).filter((name) => name.startsWith('.draft-')))
      rmSync(join(folder, draft));
    const wanted = missing(folder, only);
    for (const [index, name] of wanted.entries()) {
      const what = `build ${name} (${index + 1} of ${wanted.length})`;
      await timed(onProgress, what, () => build({ name, folder, go, signal }));
    }
  } finally {
    close(lock);
  }
  return { folder };
}

/** The folder with the source files of a program, in Go's module cache: read-only. */
export function programSources(name: KubeProgram): string {
  const { module, package: path } = programs[name];
  const words = ['list', '-f', '{{.Dir}}', path];
  const options = { cwd: join(sourceFolder, module), env: findGo().environment } as const;
  return execFileSync('go', words, { ...options, encoding: 'utf8' }).trim();
}

/** `$XDG_CACHE_HOME/heddle/kube`, by default below ~/.cache. */
export function cacheFolder(): string {
  const cache = process.env['XDG_CACHE_HOME'];
  return join(cache?.startsWith('/') ? cache : join(homedir(), '.cache'), 'heddle/kube');
}

/** The versions in go.mod, which the programs report as their own. */
export function kubernetesVersion(goMod: string = readSource('go.mod')): string {
  const version = /^\s*k8s\.io\/kubernetes (v\S+)/m.exec(goMod)?.[1];
  if (version === undefined) throw new Error('test/kube/go.mod requires no k8s.io/kubernetes');
  return version;
}

function kubernetes(command: string): Program {
  return { module: '.', package: `k8s.io/kubernetes/cmd/${command}` };
}

function suiteImage(name: string): Program {
  return { module: '.', package: `k8s.io/kubernetes/test/images/${name}` };
}

function cacheKey({ version }: GoToolchain): string {
  const hash = createHash('sha256');
  const sources = ['go.mod', 'go.sum', 'coredns/go.mod', 'coredns/go.sum'];
  for (const part of [version, JSON.stringify(programs), ...sources.map(readSource)])
    hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 20);
}

// A change of our own small program rebuilds only that one.
function fileName(name: KubeProgram): string {
  if (name !== 'podtool') return name;
  const hash = createHash('sha256');
  for (const file of readdirSync(join(sourceFolder, 'podtool')).sort())
    hash.update(file).update(readSource(`podtool/${file}`));
  return `${name}-${hash.digest('hex').slice(0, 12)}`;
}

function readSource(path: string): string {
  return readFileSync(join(sourceFolder, path), 'utf8');
}

function missing(folder: string, names: readonly KubeProgram[]): readonly KubeProgram[] {
  return names.filter((name) => !existsSync(join(folder, fileName(name))));
}

// The lock ends with the process that holds it, in every case.
async function lockFolder(
  folder: string,
  onProgress: Progress,
  signal: AbortSignal | undefined,
): Promise<number> {
  const fd = open(join(folder, '.lock'), openFlags.create | openFlags.readWrite);
  if (tryLock(fd)) return fd;
  await timed(onProgress, 'wait for another build of the same programs', async () => {
    while (!tryLock(fd)) {
      signal?.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  });
  return fd;
}

interface Build {
  readonly name: KubeProgram;
  readonly folder: string;
  readonly go: GoToolchain;
  readonly signal: AbortSignal | undefined;
}

async function build({ name, folder, go, signal }: Build): Promise<void> {
  signal?.throwIfAborted();
  const program: Program = programs[name];
  const version = kubernetesVersion();
  const flags = `-s -w -X k8s.io/component-base/version.gitVersion=${version}`;
  const draft = join(folder, `.draft-${name}`);
  const verb = program.isTest === true ? ['test', '-c', '-vet=off'] : ['build'];
  const child = spawn(
    'go',
    [...verb, '-trimpath', '-buildvcs=false', '-ldflags', flags, '-o', draft, program.package],
    {
      cwd: join(sourceFolder, program.module),
      env: { ...go.environment, CGO_ENABLED: program.cgo === true ? '1' : '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const words: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => words.push(chunk));
  const end = (): void => void child.kill('SIGINT');
  signal?.addEventListener('abort', end);
  const exitCode = await exitOf(child, 'close');
  signal?.removeEventListener('abort', end);
  signal?.throwIfAborted();
  if (exitCode === 0) return renameSync(draft, join(folder, fileName(name)));
  const said = Buffer.concat(words).toString().trimEnd().split('\n').slice(-20).join('\n');
  throw new Error(
    `go ${verb.join(' ')} ${program.package} ended with exit code ${exitCode}:\n${said}`,
  );
}
