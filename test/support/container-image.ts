// The image of the runtime tests, built here from scratch: busybox and one page for its web server.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const imageName = 'docker.io/heddle-test/busybox:1';

/** The answer of the image's web server. */
export const imagePage = 'a container\n';

/**
 * Equivalent to: `buildah from scratch`, `copy`, `commit`, `push`; returns the archive's path. Everything stays in
 * `folder`.
 */
export function buildImage(folder: string): string {
  const storage = [
    '--root',
    `${folder}/buildah`,
    '--runroot',
    `${folder}/buildah-run`,
    '--storage-driver',
    'vfs',
  ];
  const buildah = (...words: readonly string[]): string =>
    execFileSync('buildah', [...storage, ...words], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();
  const archive = join(folder, 'image.tar');
  writeFileSync(join(folder, 'index.html'), imagePage);
  assert.ok(existsSync('/bin/busybox'), 'busybox-static is installed');
  const container = buildah('from', 'scratch');
  buildah('copy', container, '/bin/busybox', '/bin/busybox');
  buildah('copy', container, join(folder, 'index.html'), '/www/index.html');
  buildah('commit', container, 'heddle-test/busybox:1');
  buildah('push', 'heddle-test/busybox:1', `docker-archive:${archive}:heddle-test/busybox:1`);
  buildah('rm', container);
  return archive;
}
