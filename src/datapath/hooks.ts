// The hook of each program of the data path. The list of programs comes from the object (generated.ts): the section of
// a program names its hook, and at an interface its name contains the direction.

import type { Direction } from '../kernel/bpf/attach/tcx.ts';
import { type CgroupAttachType, cgroupAttachType } from '../kernel/bpf/attach-type.ts';
import { type ProgramName, programSections } from './generated.ts';

export type HookPoint =
  | { readonly target: 'interface'; readonly direction: Direction }
  | { readonly target: 'cgroup'; readonly attachType: CgroupAttachType }
  | { readonly target: 'netns' };

export type HookPoints<Hook extends string> = Readonly<Record<Hook, HookPoint>>;

type NamesIn<Section extends string> = {
  [Name in ProgramName]: (typeof programSections)[Name] extends Section ? Name : never;
}[ProgramName];

/** Programs that attach to interfaces. */
export type InterfaceHook = NamesIn<'tc'>;

/** Programs that attach to a cgroup. */
export const socketHooks: readonly ProgramName[] = (
  Object.keys(programSections) as ProgramName[]
).filter((name) => programSections[name].startsWith('cgroup/'));

/**
 * `sections`: by program. Throws for a section without a hook of these kinds, because its program could not be
 * attached.
 */
export function hookPointsOf<Hook extends string>(
  sections: Readonly<Record<Hook, string>>,
): HookPoints<Hook> {
  const points = Object.entries<string>(sections).map(
    ([program, section]) => [program, hookPoint(program, section)] as const,
  );
  return Object.fromEntries(points) as HookPoints<Hook>;
}

function hookPoint(program: string, section: string): HookPoint {
  if (section === 'tc') return { target: 'interface', direction: directionOf(program) };
  if (section === 'sk_lookup') return { target: 'netns' };
  const attachType = cgroupAttachType(section);
  if (attachType !== undefined) return { target: 'cgroup', attachType };
  throw new Error(`program ${program}: no attachment is known for its section ${section}`);
}

/** `from_*` programs see packets that arrive by the interface, `to_*` programs those that leave by it. */
export function directionOf(program: string): Direction {
  return program.startsWith('from_') ? 'ingress' : 'egress';
}

export const hookPoints: HookPoints<ProgramName> = hookPointsOf(programSections);
