// Objects that earlier versions left at pods' interfaces by tcx.

import { join } from 'node:path';
import type { PodHook } from '../../src/datapath/attach/pod-blocks.ts';
import { directionOf } from '../../src/datapath/hooks.ts';
import { linkPinName } from '../../src/datapath/load/pins.ts';
import { attachTcx, attachTcxProgram } from '../../src/kernel/bpf/attach/tcx.ts';
import type { BpfProgram } from '../../src/kernel/bpf/program.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import type { IfIndex } from '../../src/net/if-index.ts';

export const podHooks = ['from_pod', 'to_pod'] as const;

export interface HookPlace {
  readonly namespace: NetworkNamespace;
  readonly ifName: string;
  readonly ifIndex: IfIndex;
  /** Folder of the links' pins. */
  readonly folder: string;
}

/** Attaches as the first versions did, which had no filters. */
export function pinLinks(place: HookPlace, program: (hook: PodHook) => BpfProgram): void {
  const { namespace, folder, ifName, ifIndex } = place;
  for (const hook of podHooks) {
    const options = { program: program(hook), ifIndex, direction: directionOf(hook) };
    using link = namespace.run(() => attachTcx(options));
    link.pin(join(folder, linkPinName({ target: 'interface', ifName, hook })));
  }
}

/** Attaches `from_pod` as later versions did, in addition to the filters. */
export function attachBesideFilters(
  { namespace, ifIndex }: Pick<HookPlace, 'namespace' | 'ifIndex'>,
  program: BpfProgram,
): void {
  namespace.run(() => attachTcxProgram({ program, ifIndex, direction: 'ingress' }));
}
