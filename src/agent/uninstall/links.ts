// Identifies and removes heddle's interfaces on a node. A pod's interface may have been renamed or have another MAC:
// the agent and its data path keep using it.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasOurBlocks } from '../../datapath/attach/pod-blocks.ts';
import { isKernelError } from '../../kernel/errno.ts';
import { delLinkAsync, listLinks } from '../../kernel/netlink/link.ts';
import type { Link } from '../../kernel/netlink/link-record.ts';
import { listClsact } from '../../kernel/netlink/qdisc.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { overlayDeviceName, ownMacs } from '../../model/ids.ts';
import { isOverlayDevice } from '../../model/network/overlay-device.ts';
import { isQueueName } from '../../model/pod-queue.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { gatewayMac } from '../../pods/interface/gateway.ts';
import { isEndpointName } from '../../pods/interface/names.ts';
import { parseRecord } from '../../pods/records/record.ts';

/** Facts about interfaces that are not in their own fields. */
export interface LinkMarks {
  /** Interfaces with heddle's shared blocks. */
  readonly withBlocks: ReadonlySet<IfIndex>;
  /** Interfaces named in endpoint records. */
  readonly recorded: ReadonlySet<IfIndex>;
}

/** Returns how many there were. Throws KernelError. */
export async function removeLinks(socket: NetlinkSocket, stateDir: string): Promise<number> {
  const blocks = listClsact(socket).filter(hasOurBlocks);
  const marks = {
    withBlocks: new Set(blocks.map(({ ifIndex }) => ifIndex)),
    recorded: recordedIndexes(join(stateDir, 'endpoints')),
  };
  const ours = listLinks(socket).filter((link) => isOurs(link, marks));
  // Concurrent: the kernel takes some 25 ms per veth, however many are deleted at the same time.
  await Promise.all(
    ours.map(async ({ ifIndex }) => {
      try {
        await delLinkAsync(socket, ifIndex);
      } catch (error) {
        if (!isKernelError(error, 'ENODEV')) throw error;
      }
    }),
  );
  return ours.length;
}

/**
 * A pod's interface is identified by heddle's blocks, or by two of name, MAC and record: one alone may belong to
 * another interface, and after a reboot recorded indices are stale. The VXLAN device counts also under another name.
 */
export function isOurs(
  link: Pick<Link, 'ifIndex' | 'name' | 'mac' | 'kind' | 'vxlan'>,
  { withBlocks, recorded }: LinkMarks,
): boolean {
  const { ifIndex, name, mac, kind } = link;
  if (kind === 'vxlan') return name === overlayDeviceName || isOverlayDevice(link);
  if (kind !== 'veth') return false;
  if (withBlocks.has(ifIndex) || (isQueueName(name) && mac === ownMacs.queue)) return true;
  const signs = [isEndpointName(name), mac === gatewayMac, recorded.has(ifIndex)];
  return signs.filter((sign) => sign).length >= 2;
}

/** Indices in readable records; empty without the folder. */
function recordedIndexes(folder: string): ReadonlySet<IfIndex> {
  const found = new Set<IfIndex>();
  for (const file of filesIn(folder)) {
    try {
      const record = parseRecord(readFileSync(join(folder, file), 'utf8'));
      if ('hostIfIndex' in record) found.add(record.hostIfIndex);
    } catch {
      // It is removed anyway.
    }
  }
  return found;
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
