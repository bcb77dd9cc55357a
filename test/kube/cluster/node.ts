// One node: its place on the switch, its own view of the files, containerd and kubelet in it.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Finished, type LabPlace, runInPlace } from '../../../src/lab/spawn.ts';
import { cgroupRoot, daemonCgroup, makeNodeCgroups, nodeCgroup, removeCgroups } from './cgroups.ts';
import { plug, unplug } from './fabric.ts';
import { containerdConfig, containerdSocket, kubeletConfig } from './node-files.ts';
import { enterCommand, holderCommand, nodeProgramsPath, prepareRoot } from './node-root.ts';
import { type ClusterPaths, clusterNamespacePath } from './paths.ts';
import { portableKubeconfig } from './pki.ts';
import { assertRunning, daemonIdentity, startDaemon, stopDaemon } from './processes.ts';
import type { Programs } from './programs.ts';
import type { ClusterNodeRecord } from './record.ts';
import { eventually } from './wait.ts';

export interface NodeContext {
  readonly paths: ClusterPaths;
  readonly programs: Programs;
}

/** Connects the node and starts containerd and kubelet; returns when containerd answers and has the images. */
export async function startNode(
  context: NodeContext,
  node: ClusterNodeRecord,
  archives: readonly string[],
): Promise<void> {
  const { paths, programs } = context;
  plug(paths, node.name, node.addresses);
  makeNodeCgroups(paths, node.name);
  const root = nodeRoot(paths, node.name);
  prepareRoot(root);
  writeNodeFiles(context, node);
  const holder = holderCommand({
    root,
    node: node.name,
    programs: programs.folder,
    cgroup: nodeCgroup(paths, node.name),
  });
  const daemon = daemonOf(node.name, 'root');
  startDaemon(paths, { name: daemon, place: nodePlace(paths, node.name), command: holder });
  await eventually(`${node.name} has its own view of the files`, () => {
    assertRunning(paths, daemon);
    return existsSync(join(root, 'run/booted'));
  });
  startContainerd(paths, node.name);
  await containerdAnswers(paths, node.name);
  for (const archive of archives) await importImage(paths, node.name, archive);
  startKubelet(paths, node);
}

/** Ends all processes of the node at once and removes its links; its disk stays for `startNode`. */
export async function stopNode(paths: ClusterPaths, name: string): Promise<void> {
  await removeCgroups(paths, name);
  for (const daemon of nodeDaemons) await stopDaemon(paths, daemonOf(name, daemon));
  if (existsSync(clusterNamespacePath(paths, name))) unplug(paths, name);
}

/** Removes what remains of a stopped node. */
export function removeNodeFiles(paths: ClusterPaths, name: string): void {
  rmSync(nodeRoot(paths, name), { recursive: true, force: true });
}

/** Starts the kubelet with the current addresses of the record. */
export async function restartKubelet(paths: ClusterPaths, node: ClusterNodeRecord): Promise<void> {
  await stopDaemon(paths, daemonOf(node.name, 'kubelet'));
  startKubelet(paths, node);
}

/** Containers keep running meanwhile. */
export async function restartContainerd(paths: ClusterPaths, name: string): Promise<void> {
  await stopDaemon(paths, daemonOf(name, 'containerd'));
  startContainerd(paths, name);
  await containerdAnswers(paths, name);
}

/** @param archive a docker-archive; nodes see this machine's files except those below /var/lib, /run and /opt. */
export async function importImage(
  paths: ClusterPaths,
  name: string,
  archive: string,
): Promise<void> {
  // From standard input, because the node may not see the file.
  const words = ['ctr', '-a', containerdSocket, '-n', 'k8s.io', 'images', 'import', '-'];
  const fromArchive = ['sh', '-c', 'exec "$@" <"$0"', archive, ...enterNode(paths, name, words)];
  const { exitCode, stderr } = await runInPlace(nodePlace(paths, name), fromArchive);
  if (exitCode !== 0) throw new Error(`${name}: import of ${archive}: ${stderr}`);
}

/** Runs to its end as a process of the node: with its network, its files and its cgroup. */
export function runInNode(
  paths: ClusterPaths,
  name: string,
  command: readonly string[],
): Promise<Finished> {
  return runInPlace(nodePlace(paths, name), enterCommand(holderOf(paths, name), command));
}

/** The place in which a process of the node is spawned, with `enterNode`'s command line. */
export function nodePlace(paths: ClusterPaths, name: string): LabPlace {
  return { namespacePath: clusterNamespacePath(paths, name), cgroup: daemonCgroup(paths, name) };
}

export function enterNode(
  paths: ClusterPaths,
  name: string,
  command: readonly string[],
): readonly string[] {
  return enterCommand(holderOf(paths, name), command);
}

/** Starts one more daemon in the node; `stopDaemon` with `daemonOf(node, name)` ends it. */
export function startInNode(
  paths: ClusterPaths,
  node: string,
  daemon: { readonly name: string; readonly command: readonly string[] },
): void {
  startDaemon(paths, {
    name: daemonOf(node, daemon.name),
    place: nodePlace(paths, node),
    command: enterNode(paths, node, daemon.command),
  });
}

/** `kubelet-node-1` */
export function daemonOf(node: string, daemon: string): string {
  return `${daemon}-${node}`;
}

/** The folder with the node's own files: `etc/cni`, `var/lib/heddle`. */
export function nodeRoot(paths: ClusterPaths, name: string): string {
  return join(paths.nodes, name);
}

const nodeDaemons = ['kube-proxy', 'kubelet', 'containerd', 'root'] as const;

function writeNodeFiles({ paths }: NodeContext, { name }: ClusterNodeRecord): void {
  const folder = join(nodeRoot(paths, name), 'etc/kubernetes');
  const authority = readFileSync(join(paths.pki, 'ca.crt'), 'utf8');
  const files = {
    'containerd.toml': containerdConfig(),
    'kubelet.yaml': kubeletConfig(cgroupRoot(paths, name)),
    kubeconfig: portableKubeconfig(authority, name),
    // The world; nothing answers there unless a test starts a server.
    'resolv.conf': 'nameserver 203.0.113.10\n',
  };
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
}

function startContainerd(paths: ClusterPaths, name: string): void {
  const command = ['containerd', '--config', '/etc/kubernetes/containerd.toml'];
  startInNode(paths, name, { name: 'containerd', command });
}

function startKubelet(
  paths: ClusterPaths,
  { name, addresses, isOfCloud }: ClusterNodeRecord,
): void {
  const place = isOfCloud ? '--cloud-provider=external' : `--node-ip=${addresses.join(',')}`;
  const command = [
    `${nodeProgramsPath}/kubelet`,
    '--config=/etc/kubernetes/kubelet.yaml',
    '--kubeconfig=/etc/kubernetes/kubeconfig',
    `--hostname-override=${name}`,
    place,
    '--v=2',
  ];
  startInNode(paths, name, { name: 'kubelet', command });
}

async function containerdAnswers(paths: ClusterPaths, name: string): Promise<void> {
  await eventually(`containerd of ${name} answers`, async () => {
    assertRunning(paths, daemonOf(name, 'containerd'));
    const { exitCode } = await runInNode(paths, name, ['ctr', '-a', containerdSocket, 'version']);
    return exitCode === 0;
  });
}

function holderOf(paths: ClusterPaths, name: string): number {
  const identity = daemonIdentity(paths, daemonOf(name, 'root'));
  if (identity === undefined) throw new Error(`node ${name} is not running`);
  return identity.pid;
}
