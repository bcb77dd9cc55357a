// The TypeScript files of the repository.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readModule, type SourceModule } from './read-module.ts';

const roots = ['src', 'test', 'bench', 'tools', 'examples'];

const known = new Map<string, readonly SourceModule[]>();

/** Every module in the repository's source folders, sorted by path. `root` is the repository. Read once per process. */
export function readSourceModules(root: string): readonly SourceModule[] {
  const modules = known.get(root) ?? readFiles(root);
  known.set(root, modules);
  return modules;
}

function readFiles(root: string): readonly SourceModule[] {
  return roots
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
        join(folder, file),
      ),
    )
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .map((path) => readModule(path, readFileSync(join(root, path), 'utf8')));
}
