// The files of one agent's own dump, as its pod sent them. A node that an attacker controls may send anything: no file
// may leave the node's folder in the archive, or prevent other nodes' dumps from being written.

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

/**
 * Throws SyntaxError or TypeError if the text is not a list of files. A file in the result names every refused file.
 */
export function podFiles(text: string): readonly ArchiveFile[] {
  const listed: unknown = JSON.parse(text);
  if (!Array.isArray(listed)) throw new TypeError('the dump is not a list of files');
  const files = new Map<string, ArchiveFile>();
  const reasons: string[] = [];
  for (const entry of listed as readonly unknown[]) {
    try {
      const file = checked(entry);
      if (files.has(file.path)) throw new TypeError(`${file.path}: occurs twice`);
      if (files.size === mostFiles)
        throw new TypeError(`${file.path}: exceeds the limit of ${mostFiles} files`);
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
  if (typeof content !== 'string') throw new TypeError(`${path}: content is not text`);
  return { path, content };
}

/** Whether every part is a valid name in any file system, and is neither the folder itself nor the one above. */
function isPlain(path: string): boolean {
  return path
    .split('/')
    .every((part) => /^[\w.@+,=~-]+$/.test(part) && part !== '.' && part !== '..');
}

/** The name of a node or file, or a unique name if that one is too long or not plain. */
export function archiveName(name: string): string {
  if (name.length <= longestName && !name.includes('/') && isPlain(name)) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 16);
  return `${name.replaceAll(/[^\w-]/g, '_').slice(0, 40)}-${hash}`;
}
