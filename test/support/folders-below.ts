// The folders of a tree that other programs change meanwhile: control groups are created and deleted with containers.

import { type Dirent, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../../src/base/errors.ts';

/** Full paths, sorted; folders that are deleted meanwhile are omitted. */
export function foldersBelow(folder: string): readonly string[] {
  return foldersIn(folder)
    .flatMap((path) => [path, ...foldersBelow(path)])
    .sort();
}

function foldersIn(folder: string): readonly string[] {
  return entries(folder)
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name));
}

function entries(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENODEV') return [];
    throw error;
  }
}
