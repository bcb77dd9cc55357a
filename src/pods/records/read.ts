// What a record's file says at the start; one that cannot be read is set aside and named.

import { readFileSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { errorText } from '../../base/errors.ts';
import { writeAtomically } from './files.ts';
import { type EndpointRecord, formatRecord, parseRecord } from './record.ts';

/** Record of the endpoint behind an interface of ours whose file cannot be read; `text` is what is left of the file. */
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
    // Reading a pipe would wait for good.
    if (!statSync(file).isFile()) throw new Error('is not a file');
    bytes = readFileSync(file);
  } catch (error) {
    // The disk may give it back one day: what it says then is worth more than what is made of the kernel's.
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

/** Where the file is now, in words: on a disk that is read-only, where it was. */
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
