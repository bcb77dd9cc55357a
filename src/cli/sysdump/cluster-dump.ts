// The dump of a whole cluster: each agent's own dump (taken inside its pod), its log, and the objects of the
// installation. Needs a kubeconfig that may exec into the agents' pods.

import type { CoreV1Api, Exec, KubeConfig, Log, V1Pod } from '@kubernetes/client-node';
import { CommandError } from '../client/command-error.ts';
import type { ArchiveFile } from './archive.ts';
import { archiveName, podFiles } from './pod-files.ts';
import { commandOutput, containerLog, type PodContainer } from './pod-output.ts';
import { objectWithoutSecrets, withoutSecrets } from './secrets.ts';

export interface ClusterDumpOptions {
  /** Undefined: KUBECONFIG, ~/.kube/config, or the pod's own account, as kubectl does. */
  readonly kubeconfig: string | undefined;
  /** Namespace of the agents. */
  readonly namespace: string;
  readonly onProgress: (text: string) => void;
}

const agentLabel = 'app.kubernetes.io/name=heddle';
const logLines = 20_000;
const nodeDumpCommand = ['heddle', 'sysdump', '--output', '-', '--format', 'json'];
/** Several times the size of a node with full maps and 10,000 flows. */
const podLimits = { bytes: 128 * 2 ** 20, ms: 60_000 };

/** Throws CommandError if the API server cannot be reached. If one node fails, a file contains the reason. */
export async function clusterDump(options: ClusterDumpOptions): Promise<readonly ArchiveFile[]> {
  const { namespace, onProgress } = options;
  const client = await import('@kubernetes/client-node');
  const config = loadKubeConfig(new client.KubeConfig(), options.kubeconfig);
  const core = config.makeApiClient(client.CoreV1Api);
  const pods = await agentPods(core, namespace);
  onProgress(`${pods.length} agents`);
  const exec = new client.Exec(config);
  const logs = new client.Log(config);
  const files: ArchiveFile[] = [];
  for (const pod of pods) {
    const name = pod.metadata?.name ?? '';
    const node = pod.spec?.nodeName ?? name;
    onProgress(`node ${node}`);
    const folder = `nodes/${archiveName(node)}`;
    const container = { namespace, name, container: 'agent' };
    files.push(...(await nodeFiles(folder, exec, container)));
    files.push(await log(folder, logs, container, false));
    if (hasRestarted(pod)) files.push(await log(folder, logs, container, true));
  }
  onProgress('objects of the cluster');
  const apps = config.makeApiClient(client.AppsV1Api);
  const asked: Readonly<Record<string, () => Promise<unknown>>> = {
    nodes: () => core.listNode(),
    pods: () => core.listNamespacedPod({ namespace, labelSelector: agentLabel }),
    events: () => core.listNamespacedEvent({ namespace }),
    'daemon-set': () => apps.readNamespacedDaemonSet({ namespace, name: 'heddle' }),
    config: () => core.readNamespacedConfigMap({ namespace, name: 'heddle-config' }),
  };
  for (const [name, question] of Object.entries(asked))
    files.push(await objects(`cluster/${name}.json`, question));
  return files;
}

function loadKubeConfig(config: KubeConfig, file: string | undefined): KubeConfig {
  try {
    if (file === undefined) config.loadFromDefault();
    else config.loadFromFile(file);
    return config;
  } catch (error) {
    throw new CommandError(`kubeconfig ${file ?? ''}: ${textOf(error)}`, { cause: error });
  }
}

async function agentPods(core: CoreV1Api, namespace: string): Promise<readonly V1Pod[]> {
  let pods: readonly V1Pod[];
  try {
    ({ items: pods } = await core.listNamespacedPod({ namespace, labelSelector: agentLabel }));
  } catch (error) {
    throw new CommandError(`the agents' pods cannot be listed: ${textOf(error)}`, { cause: error });
  }
  if (pods.length > 0) return pods;
  throw new CommandError(`no pod in namespace ${namespace} has the label ${agentLabel}`);
}

/** Runs `heddle sysdump -o json` in the pod and returns its files, in this folder. */
async function nodeFiles(
  folder: string,
  exec: Pick<Exec, 'exec'>,
  pod: PodContainer,
): Promise<readonly ArchiveFile[]> {
  try {
    const text = await commandOutput(exec, pod, nodeDumpCommand, podLimits);
    return podFiles(text).map(({ path, content }) => ({ path: `${folder}/${path}`, content }));
  } catch (error) {
    return [missing(`${folder}/dump`, error)];
  }
}

function hasRestarted({ status }: V1Pod): boolean {
  return status?.containerStatuses?.some(({ restartCount }) => restartCount > 0) === true;
}

/** `previous`: of the container that ran before this one. */
async function log(
  folder: string,
  reader: Pick<Log, 'log'>,
  pod: PodContainer,
  previous: boolean,
): Promise<ArchiveFile> {
  const path = `${folder}/agent${previous ? '-before' : ''}.log`;
  try {
    const text = await containerLog(reader, pod, { previous, tailLines: logLines }, podLimits);
    return { path, content: withoutSecrets(text) };
  } catch (error) {
    return missing(path, error);
  }
}

async function objects(path: string, question: () => Promise<unknown>): Promise<ArchiveFile> {
  try {
    // The JSON round trip turns dates into text and removes absent fields.
    const plain = JSON.parse(JSON.stringify(await question())) as unknown;
    return { path, content: `${JSON.stringify(objectWithoutSecrets(plain), undefined, 2)}\n` };
  } catch (error) {
    return missing(path, error);
  }
}

function missing(path: string, error: unknown): ArchiveFile {
  return { path: `${path}.missing`, content: `${withoutSecrets(textOf(error))}\n` };
}

/** The API server's message if the error has one. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const body = 'body' in error && typeof error.body === 'string' ? error.body : '';
  return /"message":"([^"]*)"/.exec(body)?.[1] ?? error.message;
}
