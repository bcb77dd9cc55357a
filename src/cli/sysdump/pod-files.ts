// The files of one agent's own dump, as its pod wrote them. A node that somebody has taken over writes what it likes: no file
// may leave the node's folder in the archive, or keep the dumps of other nodes from being written.

import { createHash } from 'node:crypto';
import { errorText } from '../../base/errors.ts';
import { printable } from '../../base/printable.ts';
import type { ArchiveFile } from './archive.ts';

// Together with the folder of the dump, a path fits into the header of a tar archive (archive.ts).
const longestPath = 90;
const longestFolder = 40;
const longestName = 60;
const mostFiles = 1_000;
const mostReasons = 20;

/** Throws SyntaxError or TypeError if the text is not a list of files. A file that is refused is named in one of the result. */
export function podFiles(text: string): readonly ArchiveFile[] {
  const listed: unknown = JSON.parse(text);
  if (!Array.isArray(listed)) throw new TypeError('the dump is not a list of files');
  const files = new Map<string, ArchiveFile>();
  const reasons: string[] = [];
  for (const entry of listed as readonly unknown[]) {
    try {
      const file = checked(entry);
      if (files.has(file.path)) throw new TypeError(`${file.path}: is there twice`);
      if (files.size === mostFiles)
        throw new TypeError(`${file.path}: has too many others before it`);
      files.set(file.path, file);
    } catch (error) {
      reasons.push(errorText(error));
    }
  }
  if (reasons.length > 0) files.set(refusedName, { path: refusedName, content: refused(reasons) });
  return [...files.values()];
}

const refusedName = 'refused-files.missing';

function refused(reasons: readonly string[]): string {
  const shown = reasons.slice(0, mostReasons);
  const more = reasons.length - shown.length;
  return `${[...shown, ...(more === 0 ? [] : [`${more} more`])].join('\n')}\n`;
}

function checked(entry: unknown): ArchiveFile {
  if (typeof entry !== 'object' || entry === null) throw new TypeError('a file is not an object');
  const { path, content } = entry as Readonly<Record<string, unknown>>;
  if (typeof path !== 'string') throw new TypeError('a file has no path');
  const folder = path.slice(0, Math.max(0, path.lastIndexOf('/')));
  if (path.length > longestPath || folder.length > longestFolder || !isPlain(path))
    throw new TypeError(`${printable(path, 200)}: is not a plain relative path`);
  if (typeof content !== 'string') throw new TypeError(`${path}: has no text as its content`);
  return { path, content };
}

/** Whether every part is a name in any file system, and neither the folder itself nor the one above. */
function isPlain(path: string): boolean {
  return path
    .split('/')
    .every((part) => /^[\w.@+,=~-]+$/.test(part) && part !== '.' && part !== '..');
}

/** A node's or file's own name, or, where that is no plain or short one, one that no other has. */
export function archiveName(name: string): string {
  if (name.length <= longestName && !name.includes('/') && isPlain(name)) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 16);
  return `${name.replaceAll(/[^\w-]/g, '_').slice(0, 40)}-${hash}`;
}
