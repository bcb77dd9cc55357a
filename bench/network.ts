// The cost of the pod network, on one node, across nodes and through the overlay, compared with the minimum and with
// the usual networks; and whether it grows when a node has a thousand pods.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Arm } from './arm.ts';
import type { Experiment, ExperimentOptions, Figure } from './experiment.ts';
import { compare, type Measure } from './interleave.ts';
import { BenchLabs } from './labs.ts';
import { connections, datagrams, roundTrips, tcpStream } from './load/traffic.ts';
import { crossNode, grown, manyPods, networkBars, overlay, sameNode } from './network-bars.ts';
import { hostToHost } from './reference/cross-node.ts';
import { flannel } from './reference/flannel.ts';
import { redirectOnlyCrossNode, redirectOnlySameNode } from './reference/redirect-only.ts';
import { bareVeth, bridgePlugin, forwardingNamespace } from './reference/same-node.ts';
import { Topology } from './reference/topology.ts';

export const networkExperiment: Experiment = {
  name: 'network',
  summary: 'pod network against bare veth, the bridge plugin, host-to-host and flannel; 1,000 pods',
  bars: networkBars,
  run: runNetwork,
};

type Arms = readonly [Arm, ...Arm[]];

async function runNetwork(options: ExperimentOptions): Promise<readonly Figure[]> {
  const stateDir = mkdtempSync(join(tmpdir(), 'heddle-bench-'));
  const figures: Figure[] = [];
  try {
    using topology = new Topology(`heddle-bench-${process.pid}`);
    await using labs = new BenchLabs(options);
    for (const [group, arms] of comparisons(topology, labs, stateDir)) {
      if (group.includes(options.only ?? ''))
        figures.push(...(await compareTraffic(group, await arms(), options)));
    }
    return figures;
  } finally {
    rmSync(stateDir, { recursive: true, force: true });
  }
}

/** The comparisons in their order; each network is built at its first use. */
function comparisons(
  topology: Topology,
  labs: BenchLabs,
  stateDir: string,
): readonly (readonly [group: string, arms: () => Promise<Arms>])[] {
  const few = 'few pods';
  return [
    [
      sameNode,
      async () => [
        bareVeth(topology),
        forwardingNamespace(topology),
        bridgePlugin(topology, stateDir),
        redirectOnlySameNode(topology),
        (await labs.small('native')).sameNode('heddle'),
      ],
    ],
    [
      crossNode,
      async () => [
        redirectOnlyCrossNode(topology),
        hostToHost(topology),
        (await labs.small('native')).crossNode('heddle native'),
      ],
    ],
    [
      overlay,
      async () => [
        flannel(topology, stateDir),
        (await labs.small('vxlan')).crossNode('heddle vxlan'),
      ],
    ],
    [
      grown.sameNode,
      async () => [
        (await labs.small('native')).sameNode(few),
        (await labs.full('native')).sameNode(manyPods),
      ],
    ],
    [
      grown.native,
      async () => [
        (await labs.small('native')).crossNode(few),
        (await labs.full('native')).crossNode(manyPods),
      ],
    ],
    [
      grown.vxlan,
      async () => [
        (await labs.small('vxlan')).crossNode(few),
        (await labs.full('vxlan')).crossNode(manyPods),
      ],
    ],
  ];
}

function compareTraffic(
  group: string,
  arms: Arms,
  options: ExperimentOptions,
): Promise<readonly Figure[]> {
  const { quick, signal, progress } = options;
  const rounds = quick ? 2 : 9;
  return compare({ group, arms, rounds, measures: slices, signal, progress });
}

// One CPU shows the cost of the path; two show the user's view, including the wake-up of an idle CPU.
const slices: readonly Measure<Arm>[] = [
  tcpStream({ processors: 1, milliseconds: 150 }),
  roundTrips({ processors: 1, milliseconds: 100 }),
  connections({ processors: 1, milliseconds: 100 }),
  datagrams({ processors: 1, milliseconds: 100 }),
  tcpStream({ processors: 2, milliseconds: 150 }),
  roundTrips({ processors: 2, milliseconds: 100 }),
  connections({ processors: 2, milliseconds: 100 }),
  datagrams({ processors: 2, milliseconds: 100 }),
];
