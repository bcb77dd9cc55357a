// Writes a record's file completely or not at all.

import {
  accessSync,
  constants,
  mkdirSync,
  rmSync,
  statfsSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { errorCode, errorText, isMissing } from '../../base/errors.ts';
import { type InPlace, overwriteFile, replaceFile } from '../../base/replace-file.ts';
import { CniError, cniErrorCode } from '../../cni/error.ts';

interface FileSupply {
  /**
   * Turns an existing file into `file` with `text` as its only content. False: there is none, and nothing is changed.
   */
  become(file: string, text: string): boolean;
}

// The rename makes it complete or absent for every reader, above all this agent's next start. It is not synced: a power
// cut that loses the file's contents also removes the interface that it describes (docs/decisions/add-costs.md).
// `spares`: the new file is one of these if there are any.
export function writeAtomically(file: string, text: string, spares?: FileSupply): void {
  if (spares?.become(file, text) !== true) writeNew(file, text);
}

function writeNew(file: string, text: string, isSecondTry = false): void {
  const temporary = `${file}.tmp`;
  try {
    replaceFile(file, text, { temporary });
  } catch (error) {
    // The whole directory was removed meanwhile.
    if (isMissing(error) && !isSecondTry) {
      mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
      writeNew(file, text, true);
      return;
    }
    discardTemporary(temporary);
    throw diskError('write', file, error);
  }
}

/** Turns a reservation into a record. False: the file must be replaced instead. */
export function overwrite(file: string, texts: InPlace): boolean {
  try {
    return overwriteFile(file, texts);
  } catch (error) {
    throw diskError('write', file, error);
  }
}

/** A file that cannot be removed from a read-only disk is removed at the next start. */
export function discardTemporary(temporary: string): void {
  try {
    rmSync(temporary, { force: true, recursive: true });
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  }
}

export function diskError(verb: 'write' | 'remove', file: string, cause: unknown): CniError {
  const text = errorText(cause);
  return new CniError(cniErrorCode.io, `${verb} endpoint record ${file}: ${text}`, {
    details: 'stateDir must be writable and have free space; running pods are not affected',
    cause,
  });
}

/** Throws if the disk is read-only or full. Writes nothing unless it seems to be full. */
export function demandRoom(directory: string): void {
  accessSync(directory, constants.W_OK);
  const { blocks, bfree } = statfsSync(directory);
  // A tmpfs without a limit has no blocks at all.
  if (blocks > 0 && bfree === 0) tryDisk(directory);
}

/** Throws the error that prevents writing a record. */
export function tryDisk(directory: string): void {
  const file = path.join(directory, 'probe.tmp');
  writeFileSync(file, Buffer.alloc(4096), { mode: 0o600 });
  unlinkSync(file);
}
