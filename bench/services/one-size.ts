// One number of Services: every proxy starts on a fresh node, follows changes and ends; then traffic is compared.

import { errorText } from '../../src/base/errors.ts';
import type { BareApiServer } from '../../test/kube/api/bare-api-server.ts';
import type { KubeProxyMode } from '../../test/kube/kube-proxy.ts';
import type { Figure } from '../experiment.ts';
import { bareVeth } from '../reference/same-node.ts';
import { Topology } from '../reference/topology.ts';
import type { ApiWriter } from '../simulated/api-writer.ts';
import { costFigures, lateName, type ProxyCosts, proxyCosts } from './costs.ts';
import type { Population } from './fill.ts';
import { HeddleProxy } from './heddle-proxy.ts';
import { KubeProxy, LateProxyError } from './kube-proxy.ts';
import { arms, sizeName } from './names.ts';
import { compareTraffic } from './traffic.ts';
import { addRoutedPods, plugNode } from './world.ts';

export interface ProxyRun {
  readonly size: number;
  readonly server: BareApiServer;
  readonly writer: ApiWriter;
  readonly population: Population;
  readonly folder: string;
  /** The executable. */
  readonly kubeProxy: string;
  readonly isQuick: boolean;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

/** Of the proxies and of both ends of traffic; of everything else. */
const [cpu, otherCpu] = [0, 1];
/** A kube-proxy that takes longer has no other figures. */
const mostSyncSeconds = 120;
/** Addresses that an agent gives to the first two pods of the node. */
const pods = { client: '10.220.0.2', server: '10.220.0.3' };

export async function compareProxies(run: ProxyRun): Promise<readonly Figure[]> {
  const { size, population, isQuick, signal, progress } = run;
  using topology = new Topology(`heddle-bench-${process.pid}-${size}`);
  progress(`${sizeName(size)}: writing them`);
  await population.growTo(size, pods.server);
  progress(`${sizeName(size)}: starting proxies`);
  await using off = heddleOn(run, topology, 'off');
  await off.start(size, signal);
  await off.addPods(pods);
  await off.stop();
  await using heddle = heddleOn(run, topology, 'on');
  await using nftables = kubeProxyOn(run, topology, 'nftables');
  await using iptables = kubeProxyOn(run, topology, 'iptables');
  const common = { ...run, backend: pods.server, cpu: otherCpu };
  const costs = new Map<string, ProxyCosts>();
  const [client, onSynced] = [heddle.clientInCgroup, () => heddle.addPods(pods)];
  costs.set(arms.heddle, await proxyCosts(heddle, { ...common, client, onSynced }));
  const kubeProxies: KubeProxy[] = [];
  for (const proxy of [nftables, iptables]) {
    const found = await kubeProxyCosts(proxy, common);
    if ('lateAfter' in found) costs.set(lateName(proxy.name), { cold: [found.lateAfter] });
    else {
      costs.set(proxy.name, found);
      kubeProxies.push(proxy);
    }
  }
  const bare = bareVeth(topology);
  const ways = { size, bare, heddle, off: off.network, kubeProxies, server: pods.server };
  const traffic = await compareTraffic(ways, { rounds: isQuick ? 2 : 5, signal, progress });
  return [...costFigures(size, costs), ...traffic];
}

/** `lateAfter`: it does not sync within so many seconds. */
async function kubeProxyCosts(
  proxy: KubeProxy,
  options: Omit<Parameters<typeof proxyCosts>[1], 'client' | 'onSynced'>,
): Promise<ProxyCosts | { readonly lateAfter: number }> {
  const { client } = proxy.network;
  try {
    return await proxyCosts(proxy, { ...options, client, onSynced: async () => undefined });
  } catch (error) {
    if (!(error instanceof LateProxyError)) throw error;
    options.progress(errorText(error));
    await proxy.stop();
    return { lateAfter: error.seconds };
  }
}

const api = { namespacePath: `/proc/${process.pid}/ns/net` };
const numbers = { off: 1, on: 2, nftables: 3, iptables: 4 } as const;

function heddleOn({ server, size }: ProxyRun, topology: Topology, mode: 'on' | 'off'): HeddleProxy {
  const name = mode === 'on' ? arms.heddle : arms.off;
  const id = `${process.pid}-${size}-${mode}`;
  const node = plugNode(topology, { name: mode, api, number: numbers[mode] });
  return new HeddleProxy({ name, mode, id, node, kubeconfig: server.kubeconfig, cpu });
}

function kubeProxyOn(
  { server, folder, kubeProxy: executable }: ProxyRun,
  topology: Topology,
  mode: KubeProxyMode,
): KubeProxy {
  const node = plugNode(topology, { name: mode, api, number: numbers[mode] });
  return new KubeProxy({
    ...{ mode, executable, kubeconfig: server.kubeconfig, folder, cpu },
    network: addRoutedPods(topology, { name: mode, node, pods }),
    address: node.address,
    mostSeconds: mostSyncSeconds,
  });
}
