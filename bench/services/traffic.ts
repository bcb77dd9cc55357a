// Connections, requests and datagrams through the proxies, in turn, and without a proxy.

import type { Arm } from '../arm.ts';
import type { Figure } from '../experiment.ts';
import { compare, type Measure } from '../interleave.ts';
import { datagrams, requests, timedConnections } from '../load/traffic.ts';
import { withBaseline } from './derived.ts';
import type { HeddleProxy } from './heddle-proxy.ts';
import { arms, groups, metrics } from './names.ts';
import { measuredCount, proxyNodeAddress, serviceAddress, ways } from './population.ts';
import type { MeasuredProxy, ProxyNetwork } from './proxy.ts';

export interface TrafficArms {
  readonly size: number;
  readonly bare: Arm;
  readonly heddle: HeddleProxy;
  /** With services.mode off. */
  readonly off: ProxyNetwork;
  readonly kubeProxies: readonly MeasuredProxy[];
  /** Of the server's pod. */
  readonly server: string;
}

export interface TrafficRun {
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

const slice = { processors: 1, milliseconds: 100 } as const;
const tcp: readonly Measure<Arm>[] = [timedConnections(slice), requests(slice)];

export async function compareTraffic(
  traffic: TrafficArms,
  run: TrafficRun,
): Promise<readonly Figure[]> {
  const { size } = traffic;
  const clusterIp = await compare({
    ...{ group: groups.clusterIp(size), arms: clusterIpArms(traffic) },
    ...{ measures: [...tcp, datagrams(slice)], ...run },
  });
  const [first, ...others] = nodePortArms(traffic);
  const nodePort =
    first === undefined
      ? []
      : await compare({
          ...{ group: groups.nodePort(size), arms: [first, ...others] },
          ...{ measures: tcp, ...run },
        });
  const figures = [...clusterIp, ...nodePort];
  return [
    ...clusterIp,
    ...withBaseline(figures, {
      ...{ from: groups.clusterIp(size), group: groups.bare(size), baseline: arms.bare },
      ...{ arms: [arms.socket, arms.packets, arms.nftables, arms.iptables] },
      metrics: [metrics.rate],
    }),
    ...withBaseline(figures, {
      ...{ from: groups.clusterIp(size), group: groups.off(size), baseline: arms.off },
      ...{ arms: [arms.direct], metrics: [...new Set(clusterIp.map(({ metric }) => metric))] },
    }),
    ...nodePort,
    ...withBaseline(figures, {
      ...{ from: groups.nodePort(size), group: groups.nodePortIptables(size) },
      ...{ baseline: arms.iptables, arms: [arms.heddle], metrics: [metrics.rate] },
    }),
  ];
}

function clusterIpArms(traffic: TrafficArms): readonly [Arm, ...Arm[]] {
  const { size, bare, heddle, off, kubeProxies, server: address } = traffic;
  const services = ({ port, target }: (typeof ways)[keyof typeof ways]): string =>
    `${address}:${target},${serviceAddress(0)}:${port}/${measuredCount(size)}`;
  const direct = { ...heddle.network, name: arms.direct, address };
  return [
    direct,
    bare,
    { ...off, name: arms.off, address },
    {
      ...{ ...direct, name: arms.socket, client: heddle.clientInCgroup },
      address: services(ways.socket),
    },
    { ...direct, name: arms.packets, address: services(ways.packets) },
    ...kubeProxies.map(({ name, network }) => ({
      ...{ ...network, name, address: services(ways.packets) },
    })),
  ];
}

/** kube-proxy's nftables mode first. */
function nodePortArms(traffic: TrafficArms): readonly Arm[] {
  const { heddle, kubeProxies, server } = traffic;
  const { target, nodePort } = ways.packets;
  const address = `${server}:${target},${proxyNodeAddress}:${nodePort}`;
  return [
    ...kubeProxies.map(({ name, network }) => ({ ...network, name, address })),
    { ...heddle.network, name: arms.heddle, address },
  ].map(({ name, address: to, server: place, ...network }) => ({
    ...{ name, address: to, server: place, client: network.outside },
  }));
}
