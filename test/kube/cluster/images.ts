// The images of a cluster's pods, built here from scratch without a registry. `imagePullPolicy: Never` everywhere.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Programs, programPath } from './programs.ts';
import { type Progress, timed } from './progress.ts';

export const pauseImage = 'localhost/heddle-test/pause:1';
/** busybox with all its commands and `podtool`; runs `podtool serve` by default. */
export const toolImage = 'localhost/heddle-test/tools:1';
export const dnsImage = 'localhost/heddle-test/coredns:1';

const busybox = '/bin/busybox';

export interface ImagePlan {
  readonly name: string;
  readonly entrypoint?: string;
  readonly command: string;
  /** By default /bin. */
  readonly path?: string;
  /** Fills the image's root. */
  readonly fill: (root: string) => void;
}

/** The archives (docker-archive), built once for these programs and kept next to them. */
export async function buildImages(
  programs: Programs,
  progress: Progress,
): Promise<readonly string[]> {
  const folder = join(
    programs.folder,
    `images-${digest(busybox, programPath(programs, 'podtool'))}`,
  );
  mkdirSync(folder, { recursive: true });
  const archives: string[] = [];
  for (const [file, plan] of Object.entries(plans(programs))) {
    const archive = join(folder, `${file}.tar`);
    if (!existsSync(archive)) {
      await timed(progress, `make the image ${plan.name}`, async () => makeImage(plan, archive));
    }
    archives.push(archive);
  }
  return archives;
}

function plans(programs: Programs): Readonly<Record<string, ImagePlan>> {
  const podtool = programPath(programs, 'podtool');
  const coredns = programPath(programs, 'coredns');
  return {
    pause: {
      name: pauseImage,
      command: '/podtool pause',
      fill: (root) => copyFileSync(podtool, join(root, 'podtool')),
    },
    tools: {
      name: toolImage,
      command: '/bin/podtool serve',
      fill: (root) => fillTools(root, podtool),
    },
    coredns: {
      name: dnsImage,
      command: '/coredns',
      fill: (root) => copyFileSync(coredns, join(root, 'coredns')),
    },
  };
}

function fillTools(root: string, podtool: string): void {
  fillBusybox(root);
  copyFileSync(podtool, join(root, 'bin/podtool'));
}

/** busybox under all its names, and the files that name its users. */
export function fillBusybox(root: string): void {
  for (const folder of ['bin', 'etc', 'tmp', 'www']) mkdirSync(join(root, folder));
  copyFileSync(busybox, join(root, 'bin/busybox'));
  const commands = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n');
  for (const command of commands) {
    if (command !== 'busybox') symlinkSync('busybox', join(root, 'bin', command));
  }
  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n',
  );
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
}

/**
 * Equivalent to: `buildah from scratch`, `copy`, `config`, `commit`, `push`; everything stays in a temporary folder.
 * Throws an Error with buildah's output.
 */
export function makeImage(plan: ImagePlan, archive: string): void {
  const { name, entrypoint, command, path = '/bin', fill } = plan;
  const folder = mkdtempSync(join(tmpdir(), 'heddle-kube-image-'));
  const storage = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run')];
  const buildah = (...words: readonly string[]): string =>
    execFileSync('buildah', [...storage, '--storage-driver', 'vfs', ...words], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();
  try {
    const root = join(folder, 'content');
    mkdirSync(root);
    fill(root);
    const container = buildah('from', 'scratch');
    buildah('copy', container, root, '/');
    const entry = entrypoint === undefined ? [] : ['--entrypoint', JSON.stringify([entrypoint])];
    buildah('config', '--env', `PATH=${path}`, ...entry, '--cmd', command, container);
    buildah('commit', container, name);
    const draft = `${archive}.draft-${process.pid}`;
    buildah('push', name, `docker-archive:${draft}:${name}`);
    renameSync(draft, archive);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function digest(...files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 12);
}
