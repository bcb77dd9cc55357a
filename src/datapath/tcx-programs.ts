// Programs of our data path at an interface's tcx hook, by their names.

import { type Direction, queryTcx } from '../kernel/attach.ts';
import { isKernelError } from '../kernel/errno.ts';
import type { AttachedProgram } from '../kernel/link-calls.ts';
import { BpfProgram } from '../kernel/program.ts';
import type { IfIndex } from '../net/if-index.ts';
import { programNames } from './generated.ts';

export interface OwnProgram extends AttachedProgram {
  readonly name: string;
}

const ourNames: ReadonlySet<string> = new Set(programNames);

/**
 * In the order in which they run; none where the interface is gone. Without CAP_SYS_ADMIN the kernel says no program's name, and
 * none is found. Throws KernelError.
 */
export function ownTcxPrograms(ifIndex: IfIndex, direction: Direction): readonly OwnProgram[] {
  return programsAt(ifIndex, direction).flatMap((program) => {
    const name = nameOf(program.programId);
    return name === undefined || !ourNames.has(name) ? [] : [{ ...program, name }];
  });
}

function programsAt(ifIndex: IfIndex, direction: Direction): readonly AttachedProgram[] {
  try {
    return queryTcx(ifIndex, direction);
  } catch (error) {
    if (isKernelError(error, 'ENODEV')) return [];
    throw error;
  }
}

function nameOf(id: number): string | undefined {
  try {
    using program = BpfProgram.openById(id);
    return program.name;
  } catch (error) {
    if (isKernelError(error, 'ENOENT', 'EPERM')) return undefined;
    throw error;
  }
}
