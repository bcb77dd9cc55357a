// The peers for comparison: the CNI project's `bridge` and `host-local` plugins with static routes between nodes, and
// the real kube-proxy.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { addressFamily } from '../../../src/net/address.ts';
import { type Prefix, prefixFamily } from '../../../src/net/prefix.ts';
import { clusterCidrs, controlPlane } from './control-plane.ts';
import { routeVia } from './fabric.ts';
import { nodeRoot, startInNode } from './node.ts';
import { nodeProgramsPath } from './node-root.ts';
import type { ClusterPaths } from './paths.ts';
import type { ClusterNodeRecord, ClusterRecord } from './record.ts';

/** A node with Kubernetes' decisions about it. */
export interface PlacedNode extends ClusterNodeRecord {
  readonly podCidrs: readonly Prefix[];
}

/** Writes the node's conflist; with it the node becomes Ready. */
export function writeBridgeConflist(paths: ClusterPaths, { name, podCidrs }: PlacedNode): void {
  const ranges = podCidrs.map((subnet) => [{ subnet }]);
  const routes = [{ dst: '0.0.0.0/0' }, { dst: '::/0' }];
  const conflist = {
    cniVersion: '1.0.0',
    name: 'reference',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        ipMasq: false,
        hairpinMode: true,
        ipam: { type: 'host-local', ranges, routes },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
      { type: 'bandwidth', capabilities: { bandwidth: true } },
    ],
  };
  const folder = join(nodeRoot(paths, name), 'etc/cni/net.d');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, '10-bridge.conflist'), JSON.stringify(conflist));
}

/** The control plane gets routes to all pods: the API server proxies to them and calls their webhooks. */
export function routeFromControlPlane(paths: ClusterPaths, nodes: readonly PlacedNode[]): void {
  routeToPods(paths, nodes, () => [controlPlane]);
}

/** Every node gets routes to the pods of the other nodes. */
export function routeBetweenNodes(paths: ClusterPaths, nodes: readonly PlacedNode[]): void {
  const names = nodes.map(({ name }) => name);
  routeToPods(paths, nodes, (target) => names.filter((name) => name !== target.name));
}

function routeToPods(
  paths: ClusterPaths,
  nodes: readonly PlacedNode[],
  from: (target: PlacedNode) => readonly string[],
): void {
  for (const target of nodes) {
    for (const place of from(target)) {
      for (const destination of target.podCidrs) {
        const gateway = target.addresses.find(
          (address) => addressFamily(address) === prefixFamily(destination),
        );
        if (gateway !== undefined) routeVia(paths, place, { destination, gateway });
      }
    }
  }
}

/** The rights that kube-proxy needs, for the nodes' own credentials. */
export const kubeProxyRights: object = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: 'test-kube-proxy' },
  roleRef: {
    apiGroup: 'rbac.authorization.k8s.io',
    kind: 'ClusterRole',
    name: 'system:node-proxier',
  },
  subjects: [{ kind: 'Group', name: 'system:nodes', apiGroup: 'rbac.authorization.k8s.io' }],
};

export function startKubeProxy(
  paths: ClusterPaths,
  node: string,
  mode: NonNullable<ClusterRecord['kubeProxy']>,
): void {
  const config = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode,
    clientConnection: { kubeconfig: '/etc/kubernetes/kubeconfig' },
    clusterCIDR: clusterCidrs,
    hostnameOverride: node,
    // A node must not change the size of the machine's connection table.
    conntrack: { maxPerCore: 0 },
  };
  const file = 'etc/kubernetes/kube-proxy.yaml';
  writeFileSync(join(nodeRoot(paths, node), file), stringify(config));
  const command = [`${nodeProgramsPath}/kube-proxy`, `--config=/${file}`, '--v=2'];
  startInNode(paths, node, { name: 'kube-proxy', command });
}
