// The cost of a Service: its address compared with the address of the pod behind it, on one node, with one Service and
// with thousands. A process of a pod is led by its socket (TCP). One outside the node's cgroup meets the programs at the
// pod's interface, as UDP of pods does.

import { setTimeout as pause } from 'node:timers/promises';
import type { Arm } from './arm.ts';
import type { Bar, Experiment, ExperimentOptions, Figure } from './experiment.ts';
import { HeddleLab } from './heddle-lab.ts';
import { compare, type Measure } from './interleave.ts';
import { connections, datagrams, roundTrips } from './load/traffic.ts';

const sizes = [1, 1000, 5000] as const;
const service = '10.96.0.10';
/** Each way has a port of its own: a closed translated connection keeps its ports on the stack for a moment. */
const ways = { socket: { port: 80, target: 9000 }, packets: { port: 81, target: 9001 } } as const;
const arms = { socket: 'ClusterIP, by the socket', packets: 'ClusterIP, by packets' } as const;

export const servicesExperiment: Experiment = {
  name: 'services',
  summary: "a Service's address against the pod's own, with one Service and with thousands",
  bars: sizes.map(
    (size): Bar => ({
      ...{ group: groupOf(size), arm: arms.socket, metric: 'connections, 1 CPU' },
      ...{ of: 'ratio', limit: 0.98 },
    }),
  ),
  run: runServices,
};

const slices: readonly Measure<Arm>[] = [
  connections({ processors: 1, milliseconds: 100 }),
  roundTrips({ processors: 1, milliseconds: 100 }),
  datagrams({ processors: 1, milliseconds: 100 }),
];

async function runServices(options: ExperimentOptions): Promise<readonly Figure[]> {
  const { quick, only = '', signal, progress } = options;
  const figures: Figure[] = [];
  progress('native lab with services.mode on: starting two nodes');
  await using lab = await HeddleLab.upWith('bench-services', [], ['services.mode=on']);
  for (const size of sizes) {
    if (!groupOf(size).includes(only)) continue;
    progress(`${size} Services: writing manifests`);
    const direct = lab.sameNode("pod's address");
    lab.write([...Array(size).keys()].flatMap((index) => objects(index, direct.address)));
    await untilServed(lab, size, signal);
    const by = ({ port, target }: (typeof ways)[keyof typeof ways]): string =>
      `${direct.address}:${target},${service}:${port}`;
    figures.push(
      ...(await compare({
        group: groupOf(size),
        arms: [
          direct,
          { ...direct, name: arms.socket, address: by(ways.socket), client: lab.inCgroup },
          { ...direct, name: arms.packets, address: by(ways.packets) },
        ],
        rounds: quick ? 2 : 9,
        ...{ measures: slices, signal, progress },
      })),
    );
  }
  return figures;
}

function groupOf(size: number): string {
  return `${size} Service${size === 1 ? '' : 's'} (ratio to the pod's address)`;
}

async function untilServed(lab: HeddleLab, size: number, signal: AbortSignal): Promise<void> {
  // Each has its port and the entry for all other ports.
  while ((await lab.appliedEntries('service-frontends')) < 2 * size) {
    signal.throwIfAborted();
    await pause(200);
  }
}

/** The first is measured. */
function objects(index: number, backend: string): readonly object[] {
  const name = `s${index}`;
  const metadata = { namespace: 'bench', name };
  const clusterIP = index === 0 ? service : `10.97.${Math.floor(index / 250)}.${(index % 250) + 1}`;
  const protocols = index === 0 ? ['TCP', 'UDP'] : ['TCP'];
  const ports = Object.values(index === 0 ? ways : [ways.socket]).flatMap(({ port, target }) =>
    protocols.map((protocol) => ({
      ...{ name: `${protocol.toLowerCase()}-${port}`, protocol, port, target },
    })),
  );
  return [
    {
      ...{ apiVersion: 'v1', kind: 'Service', metadata },
      spec: {
        ...{ type: 'ClusterIP', clusterIP, clusterIPs: [clusterIP] },
        ports: ports.map(({ name: port, protocol, port: number }) => ({
          ...{ name: port, protocol, port: number },
        })),
      },
    },
    {
      ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': name } },
      endpoints: (index === 0 ? [backend] : [1, 2, 3, 4].map((end) => `10.201.16.${end}`)).map(
        (address) => ({ addresses: [address], conditions: { ready: true }, nodeName: 'node-1' }),
      ),
      ports: ports.map(({ name: port, protocol, target }) => ({
        ...{ name: port, protocol, port: target },
      })),
    },
  ];
}
