// Facts about programs and filters of others where pods' packets pass.

import type { DesiredState } from '../../../model/desired.ts';
import { podQueue } from '../../../model/pod-queue.ts';
import type { IfIndex } from '../../../net/if-index.ts';
import type { ObservedNode } from '../observed/observed-node.ts';
import { type Finding, note, problem, some } from './fact.ts';

export function programFindings(node: ObservedNode): readonly Finding[] {
  return [...atOwnInterfaces(node), ...atUplinks(node), ...atCgroups(node)];
}

// These carry pods' packets only. What is attached by XDP there redirects or drops, since nothing else would be gained by it; a program or
// filter of tc may just as well only observe, as those of flow collectors do.
function atOwnInterfaces({ kernel, desired }: ObservedNode): readonly Finding[] {
  const { host, foreignPrograms } = kernel;
  const xdp = host.links.filter(({ xdpProgram }) => xdpProgram !== undefined);
  if (xdp.length === 0 && foreignPrograms.length === 0) return [];
  const own = ownInterfaces(desired);
  const nameOf = (ifIndex: IfIndex | undefined): string | undefined =>
    ifIndex === undefined ? "all pods' interfaces" : own.get(ifIndex);
  const byXdp = xdp.flatMap(({ ifIndex, xdpProgram }) => {
    const at = nameOf(ifIndex);
    return at === undefined ? [] : [`XDP of ${at}: program ${xdpProgram}`];
  });
  const byTc = foreignPrograms.flatMap(({ ifIndex, hook, what }) => {
    const at = nameOf(ifIndex);
    return at === undefined ? [] : [`${hook} of ${at}: ${what}`];
  });
  return [
    ...(byXdp.length === 0
      ? []
      : [
          problem(`programs ${where} (${some(byXdp)}): what they drop or redirect does not arrive`),
        ]),
    ...(byTc.length === 0
      ? []
      : [note(`programs or filters ${where} (${some(byTc)}): they may drop or redirect packets`)]),
  ];
}

const where = "of others are where nothing but pods' packets passes";

/** Names, with ` of NAMESPACE/POD`, of each interface of a pod, both ends of its queue and the VXLAN device. */
function ownInterfaces({ endpoints, overlay }: DesiredState): ReadonlyMap<IfIndex, string> {
  const own = new Map<IfIndex, string>();
  if (overlay?.ifIndex !== undefined) own.set(overlay.ifIndex, overlay.name);
  for (const endpoint of endpoints) {
    const { pod, hostIfIndex, hostIfName } = endpoint;
    const queue = podQueue(endpoint);
    const of = pod === undefined ? '' : ` of ${pod.namespace}/${pod.name}`;
    own.set(hostIfIndex, `${hostIfName}${of}`);
    if (queue === undefined) continue;
    own.set(queue.ifIndex, `${queue.name}${of}`);
    own.set(queue.farIfIndex, `${queue.farName}${of}`);
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
  const all = [...xdp, ...kernel.foreignPrograms].flatMap(({ ifIndex, hook, what }) => {
    const name = ifIndex === undefined ? undefined : names.get(ifIndex);
    return name === undefined ? [] : [`${hook} of ${name}: ${what}`];
  });
  if (all.length === 0) return [];
  return [
    note(
      `programs or filters of others see packets of pods and may drop or redirect them (${some(all)})`,
    ),
  ];
}

// systemd accounts by such programs, too.
function atCgroups({ kernel: { cgroupPrograms } }: ObservedNode): readonly Finding[] {
  if (cgroupPrograms.length === 0) return [];
  const what = `programs of others see what pods' processes send, receive or connect to (${some(cgroupPrograms)})`;
  return [note(`${what}, and may refuse it or lead it elsewhere`)];
}
