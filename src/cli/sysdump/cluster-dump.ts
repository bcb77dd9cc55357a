// The dump of a whole cluster: each agent's own dump (taken inside its pod), its log, and the objects of the
// installation. Needs a kubeconfig that may exec into the agents' pods.

import { Writable } from 'node:stream';
import type { CoreV1Api, KubeConfig, V1Pod } from '@kubernetes/client-node';
import { CommandError } from '../client/command-error.ts';
import type { ArchiveFile } from './archive.ts';
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
const nodeDumpMs = 60_000;

/** Throws CommandError if the API server cannot be reached. If one node fails, a file contains the reason. */
export async function clusterDump(options: ClusterDumpOptions): Promise<readonly ArchiveFile[]> {
  const { namespace, onProgress } = options;
  const client = await import('@kubernetes/client-node');
  const config = loadKubeConfig(new client.KubeConfig(), options.kubeconfig);
  const core = config.makeApiClient(client.CoreV1Api);
  const pods = await agentPods(core, namespace);
  onProgress(`${pods.length} agents`);
  const exec = new client.Exec(config);
  const files: ArchiveFile[] = [];
  for (const pod of pods) {
    const name = pod.metadata?.name ?? '';
    const node = pod.spec?.nodeName ?? name;
    onProgress(`node ${node}`);
    files.push(...(await nodeFiles(node, () => dumpInPod(exec, namespace, name))));
    files.push(await log(core, { namespace, name, node, previous: false }));
    if (hasRestarted(pod)) files.push(await log(core, { namespace, name, node, previous: true }));
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

type ExecInPod = Pick<import('@kubernetes/client-node').Exec, 'exec'>;

/** Runs `heddle sysdump -o json` in the pod and returns its files. */
async function dumpInPod(exec: ExecInPod, namespace: string, pod: string): Promise<string> {
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  const command = ['heddle', 'sysdump', '--output', '-', '--format', 'json'];
  await new Promise<void>((resolve, reject) => {
    const timeout = setTimeout(
      () => reject(new Error(`no answer within ${nodeDumpMs / 1000} s`)),
      nodeDumpMs,
    );
    exec
      .exec(namespace, pod, 'agent', command, into(output), into(errors), null, false, (status) => {
        clearTimeout(timeout);
        if (status.status === 'Success') resolve();
        else reject(new Error(`${status.message} ${Buffer.concat(errors).toString()}`));
      })
      .catch((error: unknown) => {
        clearTimeout(timeout);
        reject(error instanceof Error ? error : new Error(String(error)));
      });
  });
  return Buffer.concat(output).toString();
}

function into(chunks: Buffer[]): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
}

async function nodeFiles(
  node: string,
  dump: () => Promise<string>,
): Promise<readonly ArchiveFile[]> {
  try {
    const files = JSON.parse(await dump()) as readonly ArchiveFile[];
    return files.map(({ path, content }) => ({ path: `nodes/${node}/${path}`, content }));
  } catch (error) {
    return [missing(`nodes/${node}/dump`, error)];
  }
}

interface LogSource {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  /** Whether to read the log of the container that ran before this one. */
  readonly previous: boolean;
}

function hasRestarted({ status }: V1Pod): boolean {
  return status?.containerStatuses?.some(({ restartCount }) => restartCount > 0) === true;
}

async function log(
  core: CoreV1Api,
  { namespace, name, node, previous }: LogSource,
): Promise<ArchiveFile> {
  const path = `nodes/${node}/agent${previous ? '-before' : ''}.log`;
  try {
    const text = await core.readNamespacedPodLog({
      namespace,
      name,
      container: 'agent',
      previous,
      tailLines: logLines,
    });
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
