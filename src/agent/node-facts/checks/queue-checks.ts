// Facts about queues of others (root qdiscs) where pods' packets leave by an interface.

import type { ConfiguredLink } from '../../../kernel/netlink/devconf.ts';
import type { ObservedNode } from '../observed/observed-node.ts';
import { type Finding, note, problem, some } from './fact.ts';

// What interfaces without a queue have, and those that have not come up yet.
const unqueued: ReadonlySet<string> = new Set(['noqueue', 'noop']);
// They drop for want of room only. Tools that tune a node put the first at every interface; the others hold a pod to a limit, as
// the reference plugin `bandwidth` does.
const ordinary: ReadonlySet<string> = new Set([
  ...['fq', 'fq_codel', 'pfifo_fast', 'sfq', 'mq'],
  ...['tbf', 'htb', 'hfsc', 'cake'],
]);
const lossy: ReadonlySet<string> = new Set(['netem', 'blackhole']);

/** Pods' packets that go through the stack wait in such a queue; the fast path passes it by. */
export function queueFindings({ kernel, desired }: ObservedNode): readonly Finding[] {
  const { endpoints, overlay, uplinks } = desired;
  const byIndex = new Map(kernel.host.links.map((link) => [link.ifIndex, link]));
  const pods = endpoints.flatMap((endpoint) => {
    const link = byIndex.get(endpoint.hostIfIndex);
    // The table of limits puts its own queue back there.
    if (link === undefined || endpoint.bandwidth?.ingress !== undefined) return [];
    const { pod } = endpoint;
    return queuesOf(link, pod === undefined ? '' : ` of ${pod.namespace}/${pod.name}`);
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
      `queues of others are at our interfaces: ${where}; packets that take the node's stack ${what}`,
    ),
  ];
}
