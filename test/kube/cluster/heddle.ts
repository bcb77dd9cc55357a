// Heddle as an operator installs it: the image of this tree and the plain manifests, with the differences of this
// cluster.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { exitOf } from '../../../src/lab/spawn.ts';
import { nodeCgroupPath } from './node-root.ts';
import type { ClusterPaths } from './paths.ts';
import { apiServer } from './pki.ts';

/** Keys of the agent's configuration, as in its YAML file; they replace whole top-level keys. */
export type HeddleSettings = Readonly<Record<string, unknown>>;

const tree = fileURLToPath(new URL('../../../../', import.meta.url));

/** The agent's image, after `buildHeddleImage` has built it for this cluster. */
export function heddleArchive({ directory }: ClusterPaths): string {
  return join(directory, 'heddle.tar');
}

/** Equivalent to: `npm run image -- --output FILE`. Throws an Error with the end of its output. */
export async function buildHeddleImage(paths: ClusterPaths, signal?: AbortSignal): Promise<void> {
  const archive = heddleArchive(paths);
  if (existsSync(archive)) return;
  const child = spawn('bash', [join(tree, 'scripts/image'), '--output', archive], {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(signal === undefined ? {} : { signal }),
  });
  const words: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => words.push(chunk));
  const exitCode = await exitOf(child, 'close');
  if (exitCode === 0) return;
  const said = Buffer.concat(words).toString().trimEnd().split('\n').slice(-20).join('\n');
  throw new Error(`npm run image ended with exit code ${exitCode}:\n${said}`);
}

/**
 * `deploy/kubernetes/heddle.yaml` with this cluster's configuration: the API server's own address, because there may be
 * no Services, and the node's own part of this machine's cgroups.
 */
export function heddleManifests(settings: HeddleSettings): string {
  const text = readFileSync(join(tree, 'deploy/kubernetes/heddle.yaml'), 'utf8');
  const objects = parseAllDocuments(text).map((document) => document.toJS() as ManifestObject);
  return objects.map((object) => stringify(configured(object, settings))).join('---\n');
}

interface ManifestObject {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
}

function configured(object: ManifestObject, settings: HeddleSettings): object {
  if (object.kind !== 'ConfigMap' || object.metadata.name !== 'heddle-config') return object;
  const config = {
    ...(parse(object.data?.['config.yaml'] ?? '') as object),
    cluster: { kubernetes: { apiServers: [apiServer] } },
    cgroupRoot: nodeCgroupPath,
    ...settings,
  };
  return { ...object, data: { 'config.yaml': stringify(config) } };
}
