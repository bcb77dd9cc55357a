// One pod that should be there and is not known: what a list left out no watch tells.

import type { ApiClient } from './client/api-client.ts';
import { listPage, metaOf } from './client/meta.ts';
import type { ObjectStore } from './object-store.ts';

export interface PodReference {
  readonly namespace: string;
  readonly name: string;
}

export interface PodLookOptions {
  readonly client: Pick<ApiClient, 'json'>;
  readonly store: Pick<ObjectStore<object>, 'has' | 'set'>;
}

const timeoutMs = 5_000;

/** A list, which agents may make anyway, and not a get, which would be a right more. Throws as `ApiClient.json`. */
export async function lookForPod(
  { namespace, name }: PodReference,
  { client, store }: PodLookOptions,
): Promise<void> {
  const query = new URLSearchParams({ fieldSelector: `metadata.name=${name}`, limit: '1' });
  const raw = await client.json({
    path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods?${query}`,
    verb: 'list',
    resource: 'pods',
    signal: AbortSignal.timeout(timeoutMs),
  });
  const wanted = `${namespace}/${name}`;
  for (const item of listPage(raw, 'Pod').items) {
    // What a watch has told meanwhile is newer.
    const isWanted = metaOf(item, 'Pod').key === wanted && !store.has(wanted);
    if (isWanted) store.set(wanted, item);
  }
}
