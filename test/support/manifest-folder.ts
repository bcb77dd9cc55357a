// A folder of manifests as a cluster source under test.

import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { manifestSource } from '../../src/cluster/manifests/source.ts';
import type { Manifest, SourceUnderTest } from './cluster-source-suite.ts';

export const options = { debounceMs: 5, rescanMs: 2_000, doubtMs: 100 };

export interface Directory extends SourceUnderTest {
  readonly path: string;
  write(name: string, text: string): Promise<void>;
}

export async function temporaryDirectory(): Promise<Directory> {
  const root = await mkdtemp(join(tmpdir(), 'heddle-manifests-'));
  const path = join(root, 'demo');
  await mkdir(path);
  const write = async (name: string, text: string): Promise<void> => {
    await writeFile(join(root, 'draft'), text);
    await rename(join(root, 'draft'), join(path, name));
  };
  const fileOf = ({ kind, metadata }: Manifest): string => `${kind}-${metadata.name}.yaml`;
  return {
    path,
    source: manifestSource(path, options),
    write,
    put: (manifest) => write(fileOf(manifest), stringify(manifest)),
    remove: (manifest) => rm(join(path, fileOf(manifest))),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

export const nodeYaml = (name: string, cidr = '192.0.2.0/26'): string =>
  `apiVersion: v1\nkind: Node\nmetadata: {name: ${name}}\nspec: {podCIDRs: ['${cidr}']}\n`;
