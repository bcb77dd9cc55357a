// Facts about programs and filters of others where pods' packets pass before ours see them.

import type { DesiredState } from '../../model/desired.ts';
import { podQueue } from '../../model/pod-queue.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { type Finding, note, problem, some } from './fact.ts';
import type { ObservedNode } from './observed-node.ts';

export function programFindings(node: ObservedNode): readonly Finding[] {
  return [...atOwnInterfaces(node), ...atUplinks(node)];
}

// Ours is never an XDP program, and these interfaces carry pods' packets only.
function atOwnInterfaces({ kernel, desired }: ObservedNode): readonly Finding[] {
  const all = kernel.host.links.filter(({ xdpProgram }) => xdpProgram !== undefined);
  if (all.length === 0) return [];
  const own = podInterfaces(desired);
  const found = all.flatMap(({ ifIndex, name, xdpProgram }) => {
    const isOverlay = name === desired.overlay?.name;
    const of = isOverlay ? '' : own.get(ifIndex);
    return of === undefined ? [] : [`${name}${of}: program ${xdpProgram}`];
  });
  if (found.length === 0) return [];
  const what = `XDP programs of others see pods' packets before ours (${some(found)})`;
  return [problem(`${what}: what they drop or redirect does not arrive`)];
}

/** ` of NAMESPACE/POD` for each interface of a pod and both ends of its queue. */
function podInterfaces({ endpoints }: DesiredState): ReadonlyMap<IfIndex, string> {
  const own = new Map<IfIndex, string>();
  for (const endpoint of endpoints) {
    const { pod, hostIfIndex } = endpoint;
    const queue = podQueue(endpoint);
    const ends = queue === undefined ? [] : [queue.ifIndex, queue.farIfIndex];
    for (const ifIndex of [hostIfIndex, ...ends]) {
      own.set(ifIndex, pod === undefined ? '' : ` of ${pod.namespace}/${pod.name}`);
    }
  }
  return own;
}

function atUplinks({ kernel, desired }: ObservedNode): readonly Finding[] {
  const names = new Map(desired.uplinks.map(({ ifIndex, name }) => [ifIndex, name]));
  const xdp = kernel.host.links.flatMap(({ ifIndex, xdpProgram }) =>
    names.has(ifIndex) && xdpProgram !== undefined
      ? [{ ifIndex, hook: 'XDP', what: `program ${xdpProgram}` }]
      : [],
  );
  const all = [...xdp, ...kernel.foreignPrograms].map(
    ({ ifIndex, hook, what }) => `${hook} of ${names.get(ifIndex)}: ${what}`,
  );
  if (all.length === 0) return [];
  return [
    note(
      `programs or filters of others see packets of pods and may drop or redirect them (${some(all)})`,
    ),
  ];
}
