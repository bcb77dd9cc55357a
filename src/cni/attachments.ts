// The attachments that GC is to keep (CNI spec 1.1, "GC: Clean up any stale resources").

import { z } from 'zod';

/** One of a network's attachments as GC names it. */
export interface KeptAttachment {
  readonly containerId: string;
  readonly ifName: string;
}

const attachment = z
  .looseObject({
    containerID: z.string().min(1, 'is not a container id'),
    ifname: z.string().min(1, 'is not an interface name'),
  })
  .transform(({ containerID, ifname }) => ({ containerId: containerID, ifName: ifname }));

/** Undefined when the runtime does not say. A Go runtime writes an empty list as null. */
export const keptAttachments: z.ZodType<readonly KeptAttachment[] | undefined> = z
  .array(attachment)
  .nullable()
  .transform((list) => list ?? [])
  .optional();
