// The images that Kubernetes' end-to-end tests name, made here under those names. Specs use IfNotPresent, so nodes that
// have them ask no registry.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KubeCluster } from '../cluster/cluster.ts';
import { fillBusybox, type ImagePlan, makeImage, pauseImage } from '../cluster/images.ts';
import { type Programs, programPath, programSources } from '../cluster/programs.ts';
import { type Progress, timed } from '../cluster/progress.ts';

const registry = 'registry.k8s.io/e2e-test-images';

/** The suite's own name for what `agnhost` below contains as well. */
const dnsTools = `${registry}/jessie-dnsutils:1.7`;
const pause = 'registry.k8s.io/pause:3.10.1';

// What specs run in agnhost beside agnhost itself.
const debianPackages = [
  'bind9-dnsutils',
  'ca-certificates',
  'conntrack',
  'curl',
  'iperf',
  'iproute2',
  'iputils-ping',
  'netcat-openbsd',
  'procps',
  'wget',
].join(',');

const debianTree = fileURLToPath(new URL('../../../../scripts/debian-tree', import.meta.url));

/** The archives (docker-archive), built once for these programs and kept next to them. */
export async function buildSuiteImages(
  programs: Programs,
  progress: Progress,
): Promise<readonly string[]> {
  const folder = join(programs.folder, `suite-images-${contentKey()}`);
  mkdirSync(folder, { recursive: true });
  const archives: string[] = [];
  for (const [file, plan] of Object.entries(plans(programs))) {
    const archive = join(folder, `${file}.tar`);
    if (!existsSync(archive))
      await timed(progress, `make the image ${plan.name}`, async () => makeImage(plan, archive));
    archives.push(archive);
  }
  return archives;
}

/** Loads them on every node. */
export async function loadSuiteImages(
  cluster: KubeCluster,
  archives: readonly string[],
): Promise<void> {
  for (const archive of archives) await cluster.nodes.importImage(archive);
  await cluster.nodes.tagImage(agnhostImage(), dnsTools);
  await cluster.nodes.tagImage(pauseImage, pause);
}

function plans(programs: Programs): Readonly<Record<string, ImagePlan>> {
  return {
    agnhost: {
      name: agnhostImage(),
      entrypoint: '/agnhost',
      command: 'pause',
      path: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      fill: (root) => fillAgnhost(root, programs),
    },
    busybox: { name: `${registry}/busybox:1.37.0-1`, command: 'sh', fill: fillBusybox },
    'invalid-packets': {
      name: `${registry}/regression-issue-74839:1.4`,
      entrypoint: '/regression-issue-74839',
      command: '',
      fill: (root) => {
        const program = 'regression-issue-74839';
        copyFileSync(programPath(programs, program), join(root, program));
      },
    },
  };
}

function agnhostImage(): string {
  const version = readFileSync(join(programSources('agnhost'), 'VERSION'), 'utf8').trim();
  return `${registry}/agnhost:${version}`;
}

// The contents of test/images/agnhost/Dockerfile, on Debian.
function fillAgnhost(root: string, programs: Programs): void {
  execFileSync('bash', [debianTree, root, debianPackages], { stdio: ['ignore', 'pipe', 'pipe'] });
  for (const program of ['agnhost', 'coredns'] as const)
    copyFileSync(programPath(programs, program), join(root, program));
  symlinkSync('agnhost', join(root, 'agnhost-2'));
  mkdirSync(join(root, 'uploads'));
  for (const file of ['localhost.crt', 'localhost.key']) {
    copyFileSync(join(programSources('agnhost'), 'porter', file), join(root, file));
    // The module cache is read-only.
    chmodSync(join(root, file), 0o644);
  }
  appendFileSync(
    join(root, 'etc/passwd'),
    'user-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh\n',
  );
  appendFileSync(
    join(root, 'etc/group'),
    'user-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n',
  );
}

// The programs are in the name of their folder.
function contentKey(): string {
  const hash = createHash('sha256').update(debianPackages);
  const scripts = [debianTree, join(dirname(debianTree), 'lib.sh'), '/bin/busybox'];
  for (const file of [...scripts, fileURLToPath(import.meta.url)]) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 12);
}
