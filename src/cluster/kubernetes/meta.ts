// The few fields that lists, objects and refusals share. All throw ZodError for what is nothing of the kind.

import { z } from 'zod';

const list = z.object({
  metadata: z.object({ resourceVersion: z.string(), continue: z.string().optional() }),
  items: z.array(z.unknown()).nullish(),
});

const object = z.object({
  metadata: z.object({
    name: z.string().default(''),
    namespace: z.string().optional(),
    resourceVersion: z.string().optional(),
  }),
});

const status: z.ZodType<StatusMeta> = z.object({
  code: z.number().optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
});

export interface ListPage {
  readonly items: readonly unknown[];
  readonly resourceVersion: string;
  /** Where the next page begins; absent on the last. */
  readonly next?: string | undefined;
}

export interface ObjectMeta {
  /** `name`, or `namespace/name`; empty for a bookmark. */
  readonly key: string;
  readonly resourceVersion?: string | undefined;
}

/** A Kubernetes Status: why something was refused. */
export interface StatusMeta {
  readonly code?: number | undefined;
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
}

export function listPage(raw: unknown): ListPage {
  const { metadata, items } = list.parse(raw);
  const { resourceVersion, continue: next } = metadata;
  return { items: items ?? [], resourceVersion, next: next || undefined };
}

export function metaOf(raw: unknown): ObjectMeta {
  const { name, namespace, resourceVersion } = object.parse(raw).metadata;
  return { key: namespace ? `${namespace}/${name}` : name, resourceVersion };
}

export function statusMeta(raw: unknown): StatusMeta {
  return status.parse(raw);
}
