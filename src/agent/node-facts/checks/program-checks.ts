// Facts about programs and filters of other software on the path of pods' packets.

import { namespacedName } from '../../../base/namespaced-name.ts';
import type { DesiredState } from '../../../model/desired.ts';
import { podQueue } from '../../../model/pod-queue.ts';
import type { IfIndex } from '../../../net/if-index.ts';
import type { ObservedNode } from '../observed/observed-node.ts';
import { type Finding, note, problem, some } from './fact.ts';

export function programFindings(node: ObservedNode): readonly Finding[] {
  return [...atOwnInterfaces(node), ...atUplinks(node), ...atCgroups(node)];
}

// These interfaces carry only packets of pods. An XDP program there redirects or drops packets, because it would be
// useless otherwise; a tc program or filter may only observe, as flow collectors do.
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
          problem(
            `programs ${where} (${some(byXdp)}): packets that they drop or redirect do not arrive`,
          ),
        ]),
    ...(byTc.length === 0
      ? []
      : [note(`programs or filters ${where} (${some(byTc)}): they may drop or redirect packets`)]),
  ];
}

const where = 'of other software are attached where only packets of pods pass';

/** Names of each pod's interface, both ends of its queue and the VXLAN device, with ` of NAMESPACE/POD`. */
function ownInterfaces({ endpoints, overlay }: DesiredState): ReadonlyMap<IfIndex, string> {
  const own = new Map<IfIndex, string>();
  if (overlay?.ifIndex !== undefined) own.set(overlay.ifIndex, overlay.name);
  for (const endpoint of endpoints.values()) {
    const { pod, hostIfIndex, hostIfName } = endpoint;
    const queue = podQueue(endpoint);
    const of = pod === undefined ? '' : ` of ${namespacedName(pod)}`;
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
      `programs or filters of other software see packets of pods and may drop or redirect them (${some(all)})`,
    ),
  ];
}

// systemd uses such programs for accounting, too.
function atCgroups({ kernel: { cgroupPrograms } }: ObservedNode): readonly Finding[] {
  if (cgroupPrograms.length === 0) return [];
  const what = `programs of other software see what processes of pods send, receive or connect to (${some(cgroupPrograms)})`;
  return [note(`${what} and may refuse or redirect it`)];
}
