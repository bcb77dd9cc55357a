// The attachments that GC must keep (CNI spec 1.1, "GC: Clean up any stale resources").

import { z } from 'zod';

/** One attachment of a network, as named by GC. */
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

/** Undefined if the runtime passes none. Go runtimes write an empty list as null. */
export const keptAttachments: z.ZodType<readonly KeptAttachment[] | undefined> = z
  .array(attachment)
  .nullable()
  .transform((list) => list ?? [])
  .optional();
