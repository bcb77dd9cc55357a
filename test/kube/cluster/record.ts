// cluster.json: the parts of a cluster, read by every command and test that uses one.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { InputError } from '../../../src/base/input-error.ts';
import type { ProcessIdentity } from '../../../src/lab/record.ts';
import type { Address } from '../../../src/net/address.ts';
import { clusterPaths, clustersDirectory } from './paths.ts';

/** The creator of the pod network: none, the reference `bridge` plugin with static routes, or Heddle's DaemonSet. */
export type CniChoice = 'none' | 'bridge' | 'heddle';

export interface ClusterNodeRecord {
  readonly name: string;
  /** InternalIPs: IPv4, then IPv6. */
  readonly addresses: readonly [Address, Address];
  /** Its kubelet leaves addresses and a taint to an external cloud provider. */
  readonly isOfCloud?: true;
}

export interface ClusterRecord {
  readonly name: string;
  readonly cni: CniChoice;
  readonly kubeProxy: 'nftables' | 'iptables' | undefined;
  readonly dns: boolean;
  /** The folder of programs from which it was started. */
  readonly programs: string;
  /** The process without which the cluster is a leftover; undefined: it stays until `down`. */
  readonly owner: ProcessIdentity | undefined;
  readonly createdAt: string;
  readonly nodes: readonly ClusterNodeRecord[];
}

/** Claims the cluster's name by creating its folder. Throws InputError if a cluster with this name exists. */
export function claimCluster(name: string): void {
  mkdirSync(clustersDirectory, { recursive: true });
  try {
    mkdirSync(clusterPaths(name).directory);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    const rule = `is in use: npm run kube -- down --name ${name}, or choose another --name`;
    throw new InputError({ object: 'cluster name', value: name, rule });
  }
}

export function writeClusterRecord(record: ClusterRecord): void {
  const { record: path } = clusterPaths(record.name);
  writeFileSync(`${path}.new`, `${JSON.stringify(record, undefined, 2)}\n`);
  renameSync(`${path}.new`, path);
}

/** Undefined if there is no cluster with this name, or one that ended before its first record. */
export function readClusterRecord(name: string): ClusterRecord | undefined {
  const { record } = clusterPaths(name);
  if (!existsSync(record)) return undefined;
  return JSON.parse(readFileSync(record, 'utf8')) as ClusterRecord;
}

/** Throws an Error if the cluster is down. */
export function recordOf(name: string): ClusterRecord {
  const record = readClusterRecord(name);
  if (record === undefined) throw new Error(`cluster ${name} is down`);
  return record;
}

/** The names of all clusters on this machine, whichever process created them. */
export function clusterNames(): readonly string[] {
  return existsSync(clustersDirectory) ? readdirSync(clustersDirectory).sort() : [];
}
