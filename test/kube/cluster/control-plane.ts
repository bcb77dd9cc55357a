// etcd, API server, controller manager and scheduler in the control plane's namespace.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupMount } from '../../../src/lab/cgroup.ts';
import type { LabPlace } from '../../../src/lab/spawn.ts';
import { controlPlaneAddresses } from './fabric.ts';
import { type ClusterPaths, clusterNamespacePath } from './paths.ts';
import { kubeconfig } from './pki.ts';
import { startDaemon } from './processes.ts';
import { type KubeProgram, type Programs, programPath } from './programs.ts';

export const controlPlane = 'control-plane';
/** Pod addresses: the controller manager gives every node a /24 and a /64 of them. */
export const clusterCidrs = '10.201.0.0/16,fd00:201::/48';
export const serviceCidrs = '10.96.0.0/16,fd00:96::/112';
export const dnsAddress = '10.96.0.10';

/** Inside the control plane's namespace. */
export const etcdClients = 'http://127.0.0.1:2379';

export const controlPlaneDaemons = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
] as const;
type ControlPlaneDaemon = (typeof controlPlaneDaemons)[number];

export function controlPlanePlace(paths: ClusterPaths): LabPlace {
  return {
    namespacePath: clusterNamespacePath(paths, controlPlane),
    cgroup: join(cgroupMount(), paths.cgroupName, controlPlane),
  };
}

/** kubeconfig files of admin, controller manager and scheduler. */
export function writeControlPlaneFiles(paths: ClusterPaths): void {
  writeFileSync(paths.adminConfig, kubeconfig(paths, 'admin'), { mode: 0o600 });
  for (const user of ['controller-manager', 'scheduler']) {
    writeFileSync(configOf(paths, user), kubeconfig(paths, user), { mode: 0o600 });
  }
}

export function startControlPlaneDaemon(
  paths: ClusterPaths,
  programs: Programs,
  name: ControlPlaneDaemon,
  more: Readonly<Record<string, string>> = {},
): void {
  const words: Readonly<Record<ControlPlaneDaemon, () => readonly string[]>> = {
    etcd: () => etcdFlags(paths),
    'kube-apiserver': () => apiServerFlags(paths),
    'kube-controller-manager': () => controllerManagerFlags(paths),
    'kube-scheduler': () =>
      flags({ kubeconfig: configOf(paths, 'scheduler'), 'leader-elect': 'false' }),
  };
  startDaemon(paths, {
    name,
    place: controlPlanePlace(paths),
    // If a flag is given twice, the later one applies.
    command: [programPath(programs, name satisfies KubeProgram), ...words[name](), ...flags(more)],
  });
}

function etcdFlags({ directory }: ClusterPaths): readonly string[] {
  return flags({
    'data-dir': join(directory, 'etcd'),
    'listen-client-urls': etcdClients,
    'advertise-client-urls': etcdClients,
    'listen-peer-urls': 'http://127.0.0.1:2380',
    'log-level': 'warn',
    // A test cluster loses nothing in a power cut, and shares its disk.
    'unsafe-no-fsync': 'true',
  });
}

function apiServerFlags({ pki }: ClusterPaths): readonly string[] {
  return flags({
    'etcd-servers': etcdClients,
    'service-cluster-ip-range': serviceCidrs,
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': join(pki, 'sa.pub'),
    'service-account-signing-key-file': join(pki, 'sa.key'),
    'token-auth-file': join(pki, 'tokens.csv'),
    'authorization-mode': 'Node,RBAC',
    'enable-admission-plugins': 'NodeRestriction',
    'bind-address': '::',
    'advertise-address': controlPlaneAddresses[0],
    'secure-port': '6443',
    'tls-cert-file': join(pki, 'api.crt'),
    'tls-private-key-file': join(pki, 'api.key'),
    'client-ca-file': join(pki, 'ca.crt'),
    'allow-privileged': 'true',
    'kubelet-preferred-address-types': 'InternalIP',
    v: '1',
  });
}

function controllerManagerFlags(paths: ClusterPaths): readonly string[] {
  return flags({
    kubeconfig: configOf(paths, 'controller-manager'),
    'allocate-node-cidrs': 'true',
    'cluster-cidr': clusterCidrs,
    'node-cidr-mask-size-ipv4': '24',
    'node-cidr-mask-size-ipv6': '64',
    'service-cluster-ip-range': serviceCidrs,
    'root-ca-file': join(paths.pki, 'ca.crt'),
    'service-account-private-key-file': join(paths.pki, 'sa.key'),
    'use-service-account-credentials': 'true',
    'leader-elect': 'false',
    v: '1',
  });
}

function configOf({ directory }: ClusterPaths, user: string): string {
  return join(directory, `${user}.conf`);
}

function flags(values: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(values).map(([name, value]) => `--${name}=${value}`);
}
