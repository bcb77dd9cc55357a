// Objects that the tests run, and queries about them.

import type { KubeCluster } from './cluster/cluster.ts';
import { pauseImage, toolImage } from './cluster/images.ts';

/** `podtool serve` in `replicas` pods, spread over the nodes, with a probe of every kind; label `app: NAME`. */
export function webDeployment(name: string, replicas: number, more: object = {}): object {
  const app = { matchLabels: { app: name } };
  const spread = {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: app,
  };
  const spec = {
    containers: [webContainer],
    topologySpreadConstraints: [spread],
    // These pods lose nothing.
    terminationGracePeriodSeconds: 1,
    ...more,
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: 'default', name, labels: { app: name } },
    spec: { replicas, selector: app, template: { metadata: { labels: { app: name } }, spec } },
  };
}

/** HTTP on 8080, TCP echo on 7, gRPC health on 9090; each kind of probe uses one. */
export const webContainer: object = {
  name: 'web',
  image: toolImage,
  imagePullPolicy: 'Never',
  startupProbe: { tcpSocket: { port: 7 }, periodSeconds: 1, failureThreshold: 30 },
  readinessProbe: { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 1 },
  livenessProbe: { grpc: { port: 9090 }, periodSeconds: 2 },
};

/** Idle pods without probes: the time until they are Ready is the node's work. */
export function idleDeployment(name: string, replicas: number): object {
  return webDeployment(name, replicas, idleSpec);
}

/** One such pod alone; label `app: APP`. */
export function idlePod(name: string, app: string): object {
  const spec = { ...idleSpec, terminationGracePeriodSeconds: 1 };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'default', name, labels: { app } },
    spec,
  };
}

const idleSpec: object = {
  containers: [{ name: 'idle', image: pauseImage, imagePullPolicy: 'Never' }],
  automountServiceAccountToken: false,
};

export interface ReadyPod {
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly addresses: readonly string[];
}

/** Pods that are Ready and not being deleted, by name. */
export async function readyPods(
  cluster: KubeCluster,
  selector: string,
  namespace = 'default',
): Promise<readonly ReadyPod[]> {
  const list = await cluster.api.get<PodList>('pods', '-n', namespace, '-l', selector);
  return list.items
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .filter(({ status }) =>
      status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
    )
    .map(({ metadata, spec, status }) => ({
      name: metadata.name,
      uid: metadata.uid,
      node: spec.nodeName ?? '',
      addresses: status.podIPs?.map(({ ip }) => ip) ?? [],
    }));
}

interface PodList {
  readonly items: readonly {
    readonly metadata: {
      readonly name: string;
      readonly uid: string;
      readonly deletionTimestamp?: string;
    };
    readonly spec: { readonly nodeName?: string };
    readonly status: {
      readonly conditions?: readonly { readonly type: string; readonly status: string }[];
      readonly podIPs?: readonly { readonly ip: string }[];
    };
  }[];
}
