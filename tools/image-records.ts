// Writes what is in an image that scripts/image has built (a software bill of materials, CycloneDX) and how it was made
// (provenance, in-toto and SLSA), beside its archive. Called by scripts/image:
//   node dist/tools/image-records.js ROOT ARCHIVE TAG STARTED [IMAGE DIGEST]...
// ROOT: the file system of a container of the image that is thrown away afterwards: its package.json is changed.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Component, debianComponents } from './image-records/debian-components.ts';
import { lockedHashes, type NpmComponent, withHash } from './image-records/locked-hashes.ts';
import { provenance } from './image-records/provenance.ts';

const [root = '', archive = '', tag = '', startedOn = '', ...bases] = process.argv.slice(2);
const stem = archive.replace(/\.tar$/, '');
await writeBom();
await writeProvenance();

async function writeBom(): Promise<void> {
  const bom = installedPackages();
  const status = readFileSync(join(root, 'var/lib/dpkg/status'), 'utf8');
  const node = join(root, 'usr/local/bin/node');
  const hashes = lockedHashes(readFileSync('package-lock.json', 'utf8'));
  // npm gives the hashes of a lock file, and the image has none.
  const packages = bom.components.map((component) => withHash(component, hashes));
  const components = [...packages, ...debianComponents(status), await nodeComponent(node)];
  const component = { ...bom.metadata.component, type: 'container', name: tag };
  write(`${stem}.cdx.json`, { ...bom, metadata: { ...bom.metadata, component }, components });
}

interface Bom {
  readonly metadata: { readonly component: object };
  readonly components: readonly NpmComponent[];
}

// npm's own list of the installed packages. npm does not write it while a development package is missing.
function installedPackages(): Bom {
  const cwd = join(root, 'heddle');
  const file = join(cwd, 'package.json');
  const { devDependencies: _, ...description } = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify(description));
  const command = ['sbom', '--sbom-format=cyclonedx', '--omit=dev', '--loglevel=error'];
  const maxBuffer = 64 * 2 ** 20;
  return JSON.parse(execFileSync('npm', command, { cwd, encoding: 'utf8', maxBuffer })) as Bom;
}

async function nodeComponent(file: string): Promise<Component> {
  const version = execFileSync('chroot', [root, '/usr/local/bin/node', '--version'], {
    encoding: 'utf8',
  });
  const number = version.trim().replace(/^v/, '');
  const purl = `pkg:generic/node@${number}`;
  const hashes = [{ alg: 'SHA-256' as const, content: await sha256(file) }];
  return { 'bom-ref': purl, type: 'application', name: 'node', version: number, purl, hashes };
}

async function writeProvenance(): Promise<void> {
  const inputs: Record<string, string> = {};
  for (const file of inputFiles()) inputs[file] = await sha256(file);
  const images = Array.from({ length: bases.length / 2 }, (_, index) => ({
    name: bases[2 * index] ?? '',
    digest: bases[2 * index + 1] ?? '',
  }));
  const commit = git('rev-parse', 'HEAD');
  write(
    `${stem}.provenance.json`,
    provenance({
      tag,
      archiveSha256: await sha256(archive),
      commit,
      isDirty: git('status', '--porcelain') !== '',
      inputs,
      images,
      tools: { buildah: output('buildah', '--version'), npm: output('npm', '--version') },
      startedOn,
      finishedOn: new Date().toISOString(),
    }),
  );
}

// All files that .dockerignore includes.
function inputFiles(): readonly string[] {
  const allowed = readFileSync('.dockerignore', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  const found = execFileSync('find', [...allowed, '-type', 'f'], { encoding: 'utf8' });
  return ['deploy/Dockerfile', ...found.trim().split('\n')].sort();
}

function git(...words: string[]): string | undefined {
  try {
    return output('git', ...words);
  } catch {
    return undefined;
  }
}

function output(program: string, ...words: string[]): string {
  return execFileSync(program, words, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

function write(file: string, value: object): void {
  writeFileSync(file, `${JSON.stringify(value, undefined, 2)}\n`);
}
