// Hears of changes to the node's own interfaces, addresses and default routes, and of pod interfaces that vanish.

import { routeProtocol } from '../../datapath/ids.ts';
import type { Notification } from '../../kernel/netlink/notifications.ts';
import type { RemovedHook } from '../../kernel/netlink/removed-hook.ts';
import { isQueueName } from '../../model/pod-queue.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { isEndpointName } from '../../pods/interface/names.ts';

export interface HostChanges {
  /** Something about the node itself: worth a fresh look. */
  onHostChange(): void;
  /** An interface that looks like a pod's host side is gone. */
  onLinkGone(ifIndex: IfIndex): void;
  /** A queue or a program was taken from an interface or a block. */
  onHookRemoved(hook: RemovedHook): void;
  /** Some changes were not told: anything may have happened. */
  onOverrun(): void;
}

/** Until the notifications end. */
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

/** What we do ourselves is no news: hundreds of pods coming up must not have the whole node looked at each time. */
function concernsHost(notification: Exclude<Notification, { kind: 'overrun' }>): boolean {
  if (notification.kind === 'link' && isQueueName(notification.link.name)) {
    return notification.action === 'del';
  }
  if (notification.kind !== 'route') return notification.kind !== 'neighbour';
  const { destination, protocol } = notification.route;
  return protocol !== routeProtocol && destination.endsWith('/0');
}
