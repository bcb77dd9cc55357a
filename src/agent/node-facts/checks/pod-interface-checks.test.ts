import { testFacts } from '../../../../test/support/fact-rows.ts';
import { link, links, podName } from '../../../../test/support/sound-node.ts';

const withMtu = (mtuBytes: number): typeof links => [
  ...links.filter(({ name }) => name !== podName),
  link(7, podName, { kind: 'veth', mtuBytes }),
];

testFacts([
  [
    'an interface of a pod with a smaller MTU than the pod',
    'pod-interfaces',
    { host: { links: withMtu(1280) } },
    /^problem: interfaces of pods have a smaller MTU than their pods: hd00000000001 of shop\/web-1 \(1280 instead of 1500\); larger packets are lost$/,
  ],
  ['one with a larger MTU', 'pod-interfaces', { host: { links: withMtu(9000) } }, undefined],
  [
    'one that is gone, which is told elsewhere',
    'pod-interfaces',
    { host: { links: links.filter(({ name }) => name !== podName) } },
    undefined,
  ],
]);
