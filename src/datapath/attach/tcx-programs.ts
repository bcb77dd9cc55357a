// Programs of heddle's data path at an interface's tcx hook, identified by name.

import { type Direction, queryTcx } from '../../kernel/bpf/attach/tcx.ts';
import type { AttachedProgram } from '../../kernel/bpf/link-calls.ts';
import { isKernelError } from '../../kernel/errno.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { ourProgramName } from '../our-programs.ts';

export interface OwnProgram extends AttachedProgram {
  readonly name: string;
}

/**
 * In order of execution; empty if the interface does not exist. Without CAP_SYS_ADMIN the kernel does not return names,
 * and none is found. Throws KernelError.
 */
export function ownTcxPrograms(ifIndex: IfIndex, direction: Direction): readonly OwnProgram[] {
  return programsAt(ifIndex, direction).flatMap((program) => {
    const name = ourProgramName(program.programId);
    return name === undefined ? [] : [{ ...program, name }];
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
