// Where everything that outlives the agent is pinned in the bpf file system: maps, programs by object hash, links.

import { lstatSync, mkdirSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { isMissing } from '../../base/errors.ts';
import { unreachable } from '../../base/exhaustive.ts';
import type { AttachmentName } from '../attacher.ts';
import type { HookPoints } from '../hooks.ts';

export interface PinPaths {
  readonly root: string;
  map(name: string): string;
  /** Folder of one load's programs. */
  programs(objectHash: string): string;
  readonly allPrograms: string;
  readonly links: string;
}

/** Makes the folders; the bpf file system itself must be mounted. */
export function pinPaths(root: string): PinPaths {
  const paths = describePins(root);
  for (const folder of [join(root, 'maps'), paths.allPrograms, paths.links]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
  return paths;
}

/** Only names them. */
export function describePins(root: string): PinPaths {
  return {
    root,
    map: (name) => join(root, 'maps', name),
    programs: (objectHash) => join(root, 'programs', objectHash),
    allPrograms: join(root, 'programs'),
    links: join(root, 'links'),
  };
}

/**
 * A link's file name: its target, then its program. The bpf file system refuses dots, and no file name has a slash; interface
 * names may have dots, and may not have colons.
 */
export function linkPinName(attachment: AttachmentName<string>): string {
  return `${targetName(attachment)}-${attachment.hook}`;
}

function targetName(attachment: AttachmentName<string>): string {
  switch (attachment.target) {
    case 'interface':
      return attachment.ifName.replaceAll('.', ':');
    case 'cgroup':
    case 'netns':
      return encodeURIComponent(attachment.path).replaceAll('.', '%2E');
    default:
      return unreachable(attachment);
  }
}

/** Undefined for a name that `linkPinName` does not make of one of these programs. */
export function parseLinkPinName<Hook extends string>(
  name: string,
  hooks: HookPoints<Hook>,
): AttachmentName<Hook> | undefined {
  const dash = name.lastIndexOf('-');
  const hook = name.slice(dash + 1);
  if (dash < 1 || !isHook(hook, hooks)) return undefined;
  const { target } = hooks[hook];
  const text = name.slice(0, dash);
  if (target === 'interface') return { target, ifName: text.replaceAll(':', '.'), hook };
  const path = decoded(text);
  return path === undefined ? undefined : { target, path, hook };
}

function isHook<Hook extends string>(name: string, hooks: HookPoints<Hook>): name is Hook {
  return Object.hasOwn(hooks, name);
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** File names in a pin folder; none when there is no such folder. */
export function pinNames(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** What is already gone counts as done; a folder in the place of a pin goes as well. True: it was there. */
export function unpin(path: string): boolean {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return false;
  rmSync(path, { recursive: true, force: true });
  return true;
}

const bpffsMagic = 0xcafe4a11;

/**
 * Takes a folder of pins away with all that is in it, folders too; how many pins that were. None outside of a bpf file system: a path
 * that was mistyped must not cost anybody their files.
 */
export function unpinFolder(folder: string): number {
  const names = pinNames(folder);
  if (names.length > 0 && !isInBpffs(folder)) return 0;
  rmSync(folder, { recursive: true, force: true });
  return names.length;
}

/** Throws what the file system says where there is no such folder. */
export function isInBpffs(folder: string): boolean {
  return statfsSync(folder).type === bpffsMagic;
}

/** Not a folder or a symbolic link, in whose place nothing could be pinned. */
export function isPin(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
