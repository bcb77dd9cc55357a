// Requests one pod that should exist but is not known: watches do not report what a list omitted.

import { namespacedName } from '../../base/namespaced-name.ts';
import type { ApiClient } from './client/api-client.ts';
import { listPage, metaOf } from './client/meta.ts';
import type { ObjectStore } from './object-store.ts';

export interface PodReference {
  readonly namespace: string;
  readonly name: string;
}

export interface PodLookOptions {
  readonly client: Pick<ApiClient, 'json'>;
  readonly store: Pick<ObjectStore<object>, 'has' | 'set' | 'lookForDeletion'>;
}

const timeoutMs = 5_000;

/** Uses a list, which agents may do anyway; a get would need another permission. Throws like `ApiClient.json`. */
export async function lookForPod(
  { namespace, name }: PodReference,
  { client, store }: PodLookOptions,
): Promise<void> {
  const wanted = namespacedName({ namespace, name });
  using look = store.lookForDeletion(wanted);
  const query = new URLSearchParams({ fieldSelector: `metadata.name=${name}`, limit: '1' });
  const raw = await client.json({
    path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods?${query}`,
    verb: 'list',
    resource: 'pods',
    signal: AbortSignal.timeout(timeoutMs),
  });
  // The answer may be older than the deletion.
  if (look.isDeleted) return;
  for (const item of listPage(raw, 'Pod').items) {
    // A version that a watch has delivered meanwhile is newer.
    const isWanted = metaOf(item, 'Pod').key === wanted && !store.has(wanted);
    if (isWanted) store.set(wanted, item);
  }
}
