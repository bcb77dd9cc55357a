// Identifies programs of heddle's data path, of any load, by their names in the kernel.

import { BpfProgram } from '../kernel/bpf/program.ts';
import { isKernelError } from '../kernel/errno.ts';
import { programNames } from './generated.ts';

const ourNames: ReadonlySet<string> = new Set(programNames);
// A program that is loaded repeatedly gets a new id each time.
const mostRemembered = 1000;

/**
 * Undefined: it is not heddle's, or was unloaded meanwhile. Without CAP_SYS_ADMIN the kernel does not return names.
 * Throws KernelError.
 */
export function ourProgramName(id: number): string | undefined {
  try {
    using program = BpfProgram.openById(id);
    return ourNames.has(program.name) ? program.name : undefined;
  } catch (error) {
    if (isKernelError(error, 'ENOENT', 'EPERM')) return undefined;
    throw error;
  }
}

/** Looks up each id once: ids are not reused. */
export function namedAsOurs(): (id: number) => boolean {
  const known = new Map<number, boolean>();
  return (id) => {
    const answer = known.get(id) ?? ourProgramName(id) !== undefined;
    if (known.size >= mostRemembered) known.clear();
    known.set(id, answer);
    return answer;
  };
}
