// The whole population, as after some time of a cluster's life. One node and one pod are written through the API
// server; the others are copies of the stored objects, written directly into its store: writing each through the API
// would take minutes.

import { randomUUID } from 'node:crypto';
import type { BareApiServer } from '../../test/kube/api/bare-api-server.ts';
import type { ApiWriter } from './api-writer.ts';
import {
  namespaceNames,
  nodeCount,
  nodeName,
  podCount,
  podManifest,
  podPlace,
  podStatus,
  simulatedNode,
} from './population.ts';

interface ApiObject {
  readonly metadata: object;
  readonly spec: object;
  readonly status: object;
}

export async function fill(server: BareApiServer, writer: ApiWriter): Promise<void> {
  for (const name of namespaceNames) {
    const body = { metadata: { name } };
    await writer.write({ method: 'POST', path: '/api/v1/namespaces', body });
  }
  const node = await writer.write({
    method: 'POST',
    path: '/api/v1/nodes',
    body: simulatedNode(0),
  });
  await server.store(
    new Map(
      others(nodeCount, node, (index) => [`minions/${nodeName(index)}`, simulatedNode(index)]),
    ),
  );
  const { namespace, name } = podPlace(0);
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  await writer.write({ method: 'POST', path: pods, body: podManifest(0) });
  const body = { status: podStatus(0) };
  const pod = await writer.write({ method: 'PATCH', path: `${pods}/${name}/status`, body });
  await server.store(
    new Map(
      others(podCount, pod, (index) => {
        const { namespace, name } = podPlace(index);
        const { metadata, spec, status } = podManifest(index);
        return [
          `pods/${namespace}/${name}`,
          { metadata, spec: { nodeName: spec.nodeName }, status },
        ];
      }),
    ),
  );
}

function others(
  count: number,
  model: unknown,
  manifestOf: (index: number) => [path: string, manifest: ApiObject],
): readonly [string, object][] {
  const { metadata, spec, status, ...type } = model as ApiObject;
  const { resourceVersion: _, ...kept } = metadata as { resourceVersion: string };
  return Array.from({ length: count - 1 }, (_, index) => {
    const [path, manifest] = manifestOf(index + 1);
    const object = {
      ...type,
      metadata: { ...kept, ...manifest.metadata, uid: randomUUID() },
      spec: { ...spec, ...manifest.spec },
      status: { ...status, ...manifest.status },
    };
    return [path, object];
  });
}
