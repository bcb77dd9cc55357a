// The attachments that GC is to keep (CNI spec 1.1, "GC: Clean up any stale resources").

import { z } from 'zod';
import { CniError, cniErrorCode } from './error.ts';

/** One of a network's attachments as GC names it. */
export interface KeptAttachment {
  readonly containerId: string;
  readonly ifName: string;
}

// A Go runtime writes an empty list as null.
const schema = z
  .array(z.looseObject({ containerID: z.string().min(1), ifname: z.string().min(1) }))
  .nullable();

/** Undefined when the runtime did not say; then nothing is known to be stale. The second key is libcni's from before
 * the specification had its name (cni#1101). Throws CniError (invalidConfiguration). */
export function keptAttachments(
  configuration: Readonly<Record<string, unknown>>,
): readonly KeptAttachment[] | undefined {
  const key = ['cni.dev/valid-attachments', 'cni.dev/attachments'].find(
    (candidate) => configuration[candidate] !== undefined,
  );
  if (key === undefined) return undefined;
  const parsed = schema.safeParse(configuration[key]);
  if (parsed.success) {
    const list = parsed.data ?? [];
    return list.map(({ containerID, ifname }) => ({ containerId: containerID, ifName: ifname }));
  }
  const { path, message } = parsed.error.issues[0] ?? { path: [], message: 'is wrong' };
  throw new CniError(
    cniErrorCode.invalidConfiguration,
    `network configuration: ${[key, ...path.map(String)].join('.')}: ${message}`,
  );
}
