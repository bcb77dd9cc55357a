// The agent's image as a possible next version: map values begin with one more member, so that its programs differ and
// none of these maps fits, and its codecs know that layout. Everything else is this tree's. Built in a second.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeObject } from '../../tools/generate/description.ts';
import { renderModule } from '../../tools/generate/render.ts';
import { otherLayout } from '../support/other-version.ts';
import { heddleArchive } from './cluster/heddle.ts';
import type { ClusterPaths } from './cluster/paths.ts';

export const otherImage = 'localhost/heddle:other';
export const otherVersionName = '0.0.0-other';

const tree = fileURLToPath(new URL('../../../', import.meta.url));

/** For nodes that have the cluster's own image: it contains only the differences. The archive is an OCI layout. */
export function buildOtherImage(paths: ClusterPaths): string {
  const folder = mkdtempSync(join(paths.directory, 'other-image-'));
  try {
    const content = join(folder, 'heddle');
    mkdirSync(join(content, 'dist/src/datapath'), { recursive: true });
    mkdirSync(join(content, 'dist/bpf'));
    writeVersion(content);
    const { object, header } = otherLayout(folder, '__u64 pad9;');
    writeFileSync(join(content, 'dist/bpf/datapath.bpf.o'), object);
    const module = join(content, 'generated.ts');
    writeFileSync(module, renderModule(describeObject(object, header), 'bpf/shared.h'));
    compile(module, join(content, 'dist/src/datapath'));
    rmSync(module);
    const archive = join(paths.directory, 'heddle-other.tar');
    addLayer({ base: heddleArchive(paths), folder, archive });
    return archive;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function writeVersion(content: string): void {
  const described = JSON.parse(readFileSync(join(tree, 'package.json'), 'utf8')) as object;
  const other = { ...described, version: otherVersionName };
  writeFileSync(join(content, 'package.json'), JSON.stringify(other));
}

// One file alone: its imports are in the image already.
function compile(module: string, outDir: string): void {
  const options = [
    '--ignoreConfig',
    '--noCheck',
    '--noResolve',
    '--rewriteRelativeImportExtensions',
  ];
  const target = ['--module', 'nodenext', '--target', 'es2023', '--outDir', outDir];
  execFileSync(join(tree, 'node_modules/.bin/tsc'), [...options, ...target, module]);
}

interface LayerPlan {
  /** The base image (docker-archive, its layers not compressed). */
  readonly base: string;
  /** The content of `heddle` in it is added on top. */
  readonly folder: string;
  readonly archive: string;
}

// OCI image layout (image-spec, image-layout.md) without the layers of `base`: the nodes have them.
function addLayer({ base, folder, archive }: LayerPlan): void {
  const layout = join(folder, 'layout');
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  const add = (mediaType: string, bytes: Uint8Array): Descriptor => {
    const hash = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(layout, 'blobs/sha256', hash), bytes);
    return { mediaType: `${oci}.${mediaType}`, digest: `sha256:${hash}`, size: bytes.length };
  };
  const addJson = (mediaType: string, value: object): Descriptor =>
    add(mediaType, Buffer.from(JSON.stringify(value)));
  const below = readBase(base);
  const top = add('image.layer.v1.tar', tar('-c', '-C', folder, 'heddle'));
  const rootfs = { type: 'layers', diff_ids: [...below.layers, top].map(({ digest }) => digest) };
  const config = addJson('image.config.v1+json', { ...below.config, rootfs, history: [] });
  const layers = [...below.layers, top];
  const manifest = addJson('image.manifest.v1+json', { schemaVersion: 2, config, layers });
  const annotations = { 'io.containerd.image.name': otherImage };
  const index = { schemaVersion: 2, manifests: [{ ...manifest, annotations }] };
  writeFileSync(join(layout, 'index.json'), JSON.stringify(index));
  writeFileSync(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  tar('-c', '-f', archive, '-C', layout, '.');
}

const oci = 'application/vnd.oci';

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

function readBase(archive: string): { config: object; layers: readonly Descriptor[] } {
  const read = (path: string): unknown =>
    JSON.parse(tar('-x', '-O', '-f', archive, path).toString());
  const [image] = read('manifest.json') as readonly [{ Config: string; Layers: readonly string[] }];
  const lines = tar('-t', '-v', '-f', archive).toString().split('\n');
  const layers = image.Layers.map((path) => {
    const size = Number(lines.find((line) => line.endsWith(` ${path}`))?.split(/ +/)[2]);
    return {
      mediaType: `${oci}.image.layer.v1.tar`,
      digest: `sha256:${path.replace('.tar', '')}`,
      size,
    };
  });
  return { config: read(image.Config) as object, layers };
}

function tar(...words: readonly string[]): Buffer {
  return execFileSync('tar', words, { maxBuffer: 2 ** 26 });
}
