// Watches changes of the node's own interfaces, addresses and default routes, and pod interfaces that are deleted.

import type { Notification } from '../../kernel/netlink/notifications.ts';
import type { RemovedHook } from '../../kernel/netlink/removed-hook.ts';
import { routeProtocol } from '../../model/ids.ts';
import { isQueueName } from '../../model/pod-queue.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { isEndpointName } from '../../pods/interface/names.ts';

export interface HostChanges {
  /** Something about the node itself changed, so it should be listed again. */
  onHostChange(): void;
  /** An interface with the name of a pod's host interface was deleted. */
  onLinkGone(ifIndex: IfIndex): void;
  /** A queue or a program was removed from an interface or a block. */
  onHookRemoved(hook: RemovedHook): void;
  /** Notifications were lost: anything may have changed. */
  onOverrun(): void;
}

/** Runs until the notifications end. */
export async function watchHost(
  notifications: AsyncIterable<Notification>,
  changes: HostChanges,
): Promise<void> {
  for await (const notification of notifications) {
    if (notification.kind === 'overrun') {
      changes.onOverrun();
    } else if (notification.kind === 'link' && isEndpointName(notification.link.name)) {
      if (notification.action === 'del') changes.onLinkGone(notification.link.ifIndex);
    } else if (notification.kind === 'hook') {
      changes.onHookRemoved(notification.hook);
    } else if (concernsHost(notification)) {
      changes.onHostChange();
    }
  }
}

/** The agent's own changes are not news: hundreds of new pods must not cause a listing of the whole node each. */
function concernsHost(notification: Exclude<Notification, { kind: 'overrun' }>): boolean {
  if (notification.kind === 'link' && isQueueName(notification.link.name)) {
    return notification.action === 'del';
  }
  if (notification.kind !== 'route') return notification.kind !== 'neighbour';
  const { destination, protocol } = notification.route;
  return protocol !== routeProtocol && destination.endsWith('/0');
}
