// A bridge: the kernel's Ethernet switch. Links join it with `setLink({ master })`.

import type { IfIndex } from '../../net/if-index.ts';
import type { Mac } from '../../net/mac.ts';
import { linkMessages, writeLinkHeader, writeLinkInfo, writeLinkSettings } from './link-record.ts';
import { messageFlags } from './protocol/message.ts';
import type { RequestSink } from './protocol/request.ts';

export interface BridgeOptions {
  readonly name: string;
  readonly ifIndex?: IfIndex | undefined;
  readonly mac?: Mac | undefined;
  readonly mtuBytes?: number | undefined;
  readonly up?: boolean | undefined;
}

/** Equivalent to: `ip link add NAME type bridge`. Throws KernelError (EEXIST). */
export function addBridge(requests: RequestSink, options: BridgeOptions): void {
  requests.submit({
    call: 'link add',
    subject: `bridge ${options.name}`,
    type: linkMessages.create,
    flags: messageFlags.create | messageFlags.exclusive,
    write: (message) => {
      writeLinkHeader(message, options);
      writeLinkSettings(message, options);
      writeLinkInfo(message, 'bridge');
    },
  });
}
