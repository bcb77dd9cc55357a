// Paths in the bpf file system of everything that outlives the agent: maps, programs by object hash, links.

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

/** Creates the folders; the bpf file system itself must be mounted. */
export function pinPaths(root: string): PinPaths {
  const paths = describePins(root);
  for (const folder of [join(root, 'maps'), paths.allPrograms, paths.links]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
  return paths;
}

/** Returns the paths without creating anything. */
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
 * File name of a link's pin: target, then program. The bpf file system refuses dots, and file names contain no slashes;
 * interface names may contain dots but no colons.
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

/** Undefined for a name that `linkPinName` does not create for one of these programs. */
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

/** File names in a pin folder; empty if there is no such folder. */
export function pinNames(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** A missing pin counts as done; a folder in place of a pin is removed as well. True: it existed. */
export function unpin(path: string): boolean {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return false;
  rmSync(path, { recursive: true, force: true });
  return true;
}

const bpffsMagic = 0xcafe4a11;

/**
 * Removes a folder of pins with all its contents, including folders. Returns the number of pins; 0 outside a bpf file
 * system: a mistyped path must not cost the user files.
 */
export function unpinFolder(folder: string): number {
  const names = pinNames(folder);
  if (names.length > 0 && !isInBpffs(folder)) return 0;
  rmSync(folder, { recursive: true, force: true });
  return names.length;
}

/** Throws the file system's error if there is no such folder. */
export function isInBpffs(folder: string): boolean {
  return statfsSync(folder).type === bpffsMagic;
}

/** Not a folder or a symbolic link, in whose place nothing could be pinned. */
export function isPin(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
