// Reads a record's file at the start; an unreadable one is set aside and reported.

import { readFileSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { errorText } from '../../base/errors.ts';
import { writeAtomically } from './files.ts';
import { type EndpointRecord, formatRecord, parseRecord } from './record.ts';

/**
 * Rebuilds the record of the endpoint behind heddle's interface if its file cannot be read; `text` is the remaining
 * content of the file.
 */
export type Recover = (hostIfName: string, text: string) => EndpointRecord | undefined;

export function loadRecord(
  file: string,
  problems: string[],
  recover: Recover | undefined,
): EndpointRecord | undefined {
  const hostIfName = path.basename(file, '.json');
  const told = (reason: unknown, where: string, recovered: EndpointRecord | undefined): void => {
    const text = errorText(reason);
    problems.push(`endpoint record ${file}: ${text}; ${where}, ${consequenceOf(recovered)}`);
  };
  let bytes: Buffer;
  try {
    // Reading a pipe would block forever.
    if (!statSync(file).isFile()) throw new Error('is not a file');
    bytes = readFileSync(file);
  } catch (error) {
    // The disk may become readable again: its contents are then better than a record rebuilt from the kernel.
    const recovered = recover?.(hostIfName, '');
    told(error, 'left in place', recovered);
    return recovered;
  }
  try {
    const record = parseRecord(bytes.toString());
    if (record.hostIfName === hostIfName) return record;
    throw new Error(`is the record of ${record.hostIfName}`);
  } catch (error) {
    const recovered = recover?.(hostIfName, bytes.toString('latin1'));
    told(error, setAside(file, recovered), recovered);
    return recovered;
  }
}

/** Where the file is now, as text: unchanged on a read-only disk. */
function setAside(file: string, instead: EndpointRecord | undefined): string {
  try {
    renameSync(file, `${file}.corrupt`);
    if (instead !== undefined) writeAtomically(file, formatRecord(instead));
    return `set aside as ${path.basename(file)}.corrupt`;
  } catch (error) {
    return `cannot be set aside (${errorText(error)})`;
  }
}

function consequenceOf(recovered: EndpointRecord | undefined): string {
  return recovered === undefined
    ? 'its pod has no network until it is recreated'
    : "rebuilt from the kernel's state";
}
