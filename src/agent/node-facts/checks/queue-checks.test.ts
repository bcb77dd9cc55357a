import { endpointCollection } from '../../../../test/support/compute-desired.ts';
import { testFacts } from '../../../../test/support/fact-rows.ts';
import { link, links, podName, sound } from '../../../../test/support/sound-node.ts';
import type { ConfiguredLink } from '../../../kernel/netlink/devconf.ts';

const overlay = { name: 'heddle_vxlan', port: 4789, vni: 1, mtuBytes: 1450, underlay: 4 } as const;

function withQueue(qdisc: string, ...names: readonly string[]): readonly ConfiguredLink[] {
  const all = [...links, link(5, 'docker0'), link(9, overlay.name)];
  return all.map((each) => ({ ...each, qdisc: names.includes(each.name) ? qdisc : 'noqueue' }));
}

const limited = sound.desired.endpoints.values().map((endpoint) => {
  return { ...endpoint, bandwidth: { ingress: { bitsPerSecond: 1_000_000 } } };
});

testFacts([
  ['no queue anywhere', 'queues', { host: { links: withQueue('noqueue') } }, undefined],
  [
    "netem at a pod's interface",
    'queues',
    { host: { links: withQueue('netem', podName) } },
    /^problem: other software has set queues on heddle's interfaces: hd00000000001 of shop\/web-1 \(netem\); /,
  ],
  [
    'a limit of others at the interface of a pod without one',
    'queues',
    { host: { links: withQueue('tbf', podName) } },
    /^note: .*\(tbf\)/,
  ],
  [
    'the limit of a pod that has one',
    'queues',
    {
      host: { links: withQueue('tbf', podName) },
      desired: { endpoints: endpointCollection(limited) },
    },
    undefined,
  ],
  [
    'a fair queue, as tools that tune a node set it everywhere',
    'queues',
    { host: { links: withQueue('fq_codel', podName) } },
    /^note: .* \(fq_codel\)/,
  ],
  [
    'an interface of a pod that has not come up',
    'queues',
    { host: { links: withQueue('noop', podName) } },
    undefined,
  ],
  [
    'a queue at the VXLAN device',
    'queues',
    { host: { links: withQueue('pfifo', overlay.name) }, desired: { overlay } },
    /^problem: .* heddle_vxlan \(pfifo\)/,
  ],
  [
    'a queue at an uplink that loses packets',
    'queues',
    { host: { links: withQueue('netem', 'eth0') } },
    /^note: uplinks have queues that drop packets: eth0 \(netem\)$/,
  ],
  ['a fair queue at an uplink', 'queues', { host: { links: withQueue('fq', 'eth0') } }, undefined],
  [
    'a queue at an interface of others',
    'queues',
    { host: { links: withQueue('netem', 'docker0') } },
    undefined,
  ],
]);
