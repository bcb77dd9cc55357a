// The watch for kube-proxy on this node, connected to the kernel.

import type { UndoStack } from '../../base/undo.ts';
import { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { kubeProxyRemains } from './remains.ts';
import { runningKubeProxy } from './running.ts';
import type { ServiceChoice } from './service-choice.ts';
import { KubeProxyWatch } from './watch.ts';

export interface NodeWatchOptions {
  readonly owned: UndoStack;
  /** How often everything is compared with the kernel. */
  readonly periodMs: number;
}

const periodsPerLook = 3;

/** Undefined: with `services.mode: off`, whatever kube-proxy does is right. Throws KernelError. */
export function kubeProxyWatch(
  choice: ServiceChoice,
  { owned, periodMs }: NodeWatchOptions,
): KubeProxyWatch | undefined {
  if (!choice.isOn && choice.reason === undefined) return undefined;
  const socket = owned.use(NetlinkSocket.open({ family: 'netfilter' }));
  return new KubeProxyWatch({
    choice,
    periodMs: periodsPerLook * periodMs,
    findRunning: runningKubeProxy,
    findRemains: () => kubeProxyRemains(socket),
  });
}
