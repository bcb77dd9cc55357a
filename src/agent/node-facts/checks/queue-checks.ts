// Facts about root qdiscs of other software at interfaces that packets of pods leave by.

import { namespacedName } from '../../../base/namespaced-name.ts';
import type { ConfiguredLink } from '../../../kernel/netlink/devconf.ts';
import type { ObservedNode } from '../observed/observed-node.ts';
import { type Finding, note, problem, some } from './fact.ts';

// Qdiscs of interfaces without a queue, and of interfaces that have not been up yet.
const unqueued: ReadonlySet<string> = new Set(['noqueue', 'noop']);
// These drop packets only when they are full. Tuning tools set the first ones at every interface; the others limit a
// pod, as the reference plugin `bandwidth` does.
const ordinary: ReadonlySet<string> = new Set([
  ...['fq', 'fq_codel', 'pfifo_fast', 'sfq', 'mq'],
  ...['tbf', 'htb', 'hfsc', 'cake'],
]);
const lossy: ReadonlySet<string> = new Set(['netem', 'blackhole']);

/** Packets of pods that go through the stack wait in such a queue; the fast path bypasses it. */
export function queueFindings({ kernel, desired }: ObservedNode): readonly Finding[] {
  const { endpoints, overlay, uplinks } = desired;
  const byIndex = new Map(kernel.host.links.map((link) => [link.ifIndex, link]));
  const pods = endpoints.values().flatMap((endpoint) => {
    const link = byIndex.get(endpoint.hostIfIndex);
    // The table of limits restores its own queue there.
    if (link === undefined || endpoint.bandwidth?.ingress !== undefined) return [];
    const { pod } = endpoint;
    return queuesOf(link, pod === undefined ? '' : ` of ${namespacedName(pod)}`);
  });
  const tunnel = kernel.host.links
    .filter(({ name }) => name === overlay?.name)
    .flatMap((link) => queuesOf(link, ''));
  const own = [...pods, ...tunnel];
  const isOrdinary = ({ kind }: Queue): boolean => ordinary.has(kind);
  return [
    ...findings(
      problem,
      own.filter((queue) => !isOrdinary(queue)),
      'may be dropped there',
    ),
    ...findings(note, own.filter(isOrdinary), 'wait there'),
    ...atUplinks(uplinks.flatMap(({ ifIndex }) => byIndex.get(ifIndex) ?? [])),
  ];
}

function atUplinks(uplinks: readonly ConfiguredLink[]): readonly Finding[] {
  const found = uplinks.filter(({ qdisc = '' }) => lossy.has(qdisc));
  if (found.length === 0) return [];
  const names = some(found.map(({ name, qdisc }) => `${name} (${qdisc})`));
  return [note(`uplinks have queues that drop packets: ${names}`)];
}

interface Queue {
  readonly kind: string;
  readonly text: string;
}

function queuesOf({ name, qdisc }: ConfiguredLink, of: string): readonly Queue[] {
  if (qdisc === undefined || unqueued.has(qdisc)) return [];
  return [{ kind: qdisc, text: `${name}${of} (${qdisc})` }];
}

function findings(
  severity: (text: string) => Finding,
  queues: readonly Queue[],
  what: string,
): readonly Finding[] {
  if (queues.length === 0) return [];
  const where = some(queues.map(({ text }) => text));
  return [
    severity(
      `other software has set queues on heddle's interfaces: ${where}; packets that pass the node's network stack ${what}`,
    ),
  ];
}
