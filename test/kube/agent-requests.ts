// Requests to the API server as an agent makes them: with the token of its pod, without any administrator's
// credentials.

import type { KubeCluster } from './cluster/cluster.ts';
import { apiServer } from './cluster/pki.ts';

export interface AgentPod {
  readonly name: string;
  readonly node: string;
}

export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** Server-side apply; otherwise an array is a JSON patch, and any other body a merge patch. */
  readonly isApply?: true;
  readonly headers?: readonly string[];
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/** The agents' pods, by node. */
export async function agentPods(cluster: KubeCluster): Promise<readonly AgentPod[]> {
  const selector = ['-n', 'kube-system', '-l', 'app.kubernetes.io/name=heddle'];
  const { items } = await cluster.api.get<PodList>('pods', ...selector);
  return items
    .map(({ metadata, spec }) => ({ name: metadata.name, node: spec.nodeName }))
    .sort((a, b) => a.node.localeCompare(b.node));
}

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly spec: { readonly nodeName: string };
  }[];
}

/** The files that the kubelet mounted into the agent's pod. */
export async function tokenIn(cluster: KubeCluster, { name }: AgentPod): Promise<string> {
  const file = '/var/run/secrets/kubernetes.io/serviceaccount/token';
  const { stdout, stderr } = await cluster.api.exec(name, ['cat', file], 'kube-system');
  if (stdout === '') throw new Error(`${name}: ${file}: ${stderr}`);
  return stdout.trim();
}

/** The API server's answer to the bearer of the token. */
export async function ask(
  cluster: KubeCluster,
  token: string,
  request: KubeRequest,
): Promise<HttpAnswer> {
  const { method, path, body, headers = [] } = request;
  const lines = [`Authorization: Bearer ${token}`, `Content-Type: ${contentType(request)}`];
  const words = [...lines, ...headers].flatMap((line) => ['-H', line]);
  const data = body === undefined ? [] : ['--data-binary', JSON.stringify(body)];
  const { stdout, stderr } = await cluster.run('control-plane', [
    ...['curl', '-sS', '--cacert', `${cluster.paths.pki}/ca.crt`, '--max-time', '30'],
    ...['-w', '\n%{http_code}', '-X', method, ...words, ...data, `${apiServer}${path}`],
  ]);
  const end = stdout.lastIndexOf('\n');
  const status = Number(stdout.slice(end + 1));
  if (status === 0) throw new Error(`${method} ${path}: ${stderr}`);
  return { status, text: stdout.slice(0, end) };
}

function contentType({ method, body, isApply }: KubeRequest): string {
  if (method !== 'PATCH') return 'application/json';
  if (isApply === true) return 'application/apply-patch+yaml';
  return Array.isArray(body) ? 'application/json-patch+json' : 'application/merge-patch+json';
}
