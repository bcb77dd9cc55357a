// The reference CNI plugins `bridge` + `host-local` (Debian: containernetworking-plugins), executed as a runtime does.

import { execFileSync } from 'node:child_process';
import type { BenchPlace } from '../place.ts';

export interface BridgeNetwork {
  readonly name: string;
  readonly subnet: string;
  readonly mtuBytes: number;
  readonly stateDir: string;
}

/** Creates the bridge in `node` with the first pod; the gateway is on it. Returns the pod's address. */
export function addToBridge(node: BenchPlace, pod: BenchPlace, network: BridgeNetwork): string {
  const { name, subnet, mtuBytes: mtu, stateDir: dataDir } = network;
  const ipam = {
    type: 'host-local',
    dataDir,
    ranges: [[{ subnet }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  const configuration = {
    ...{ cniVersion: '1.0.0', name, type: 'bridge', bridge: 'cni0' },
    ...{ isGateway: true, mtu, ipam },
  };
  const output = execFileSync('nsenter', [`--net=${node.namespacePath}`, '/usr/lib/cni/bridge'], {
    input: JSON.stringify(configuration),
    encoding: 'utf8',
    env: {
      CNI_COMMAND: 'ADD',
      CNI_CONTAINERID: pod.namespacePath.replace(/.*\//, ''),
      CNI_NETNS: pod.namespacePath,
      CNI_IFNAME: 'eth0',
      CNI_PATH: '/usr/lib/cni',
      PATH: process.env['PATH'],
    },
  });
  const { ips } = JSON.parse(output) as { readonly ips: readonly { readonly address: string }[] };
  const address = ips[0]?.address.split('/')[0];
  if (address === undefined) throw new Error(`bridge plugin gave no address: ${output}`);
  return address;
}
