// VXLAN (RFC 7348): Ethernet frames in UDP datagrams.

import type { Address } from '../../net/address.ts';
import { addressBytes, addressFamily } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import type { Mac } from '../../net/mac.ts';
import type { Port } from '../../net/port.ts';
import {
  linkMessages,
  vxlanAttributes,
  writeLinkHeader,
  writeLinkInfo,
  writeLinkSettings,
} from './link-record.ts';
import { messageFlags } from './protocol/message.ts';
import type { RequestSink } from './protocol/request.ts';

export interface VxlanOptions {
  readonly name: string;
  /** UDP port; the IANA number is 4789. */
  readonly port: Port;
  /** Either every packet carries its tunnel key (destination, VNI): collect metadata, `external` in iproute2 ... */
  readonly collectMetadata?: true;
  /** ... or the device has one VNI and one remote endpoint. */
  readonly tunnel?: {
    readonly id: number;
    readonly remote: Address;
    readonly local?: Address | undefined;
  };
  readonly ifIndex?: IfIndex | undefined;
  readonly mac?: Mac | undefined;
  readonly mtuBytes?: number | undefined;
  readonly up?: boolean | undefined;
  readonly noArp?: boolean | undefined;
}

const tunnelAttributes = {
  4: { remote: 2, local: 4 },
  6: { remote: 16, local: 17 },
} as const;

/**
 * Equivalent to: `ip link add NAME type vxlan external dstport PORT` or `... id VNI remote ADDRESS [local ADDRESS]
 * dstport PORT nolearning`. Throws KernelError (EEXIST: the name is in use, or another device in this namespace uses
 * the port for collected metadata).
 */
export function addVxlan(requests: RequestSink, options: VxlanOptions): void {
  requests.submit({
    call: 'link add',
    subject: `vxlan ${options.name} port ${options.port}`,
    type: linkMessages.create,
    flags: messageFlags.create | messageFlags.exclusive,
    write: (message) => {
      writeLinkHeader(message, options);
      writeLinkSettings(message, options);
      writeLinkInfo(message, 'vxlan', () => {
        message.u16BigEndianAttribute(vxlanAttributes.port, options.port);
        message.u8Attribute(vxlanAttributes.learning, 0);
        if (options.collectMetadata) message.u8Attribute(vxlanAttributes.collectMetadata, 1);
        if (options.tunnel === undefined) return;
        const { id, remote, local } = options.tunnel;
        message.u32Attribute(vxlanAttributes.id, id);
        const attributes = tunnelAttributes[addressFamily(remote)];
        message.attribute(attributes.remote, addressBytes(remote));
        if (local !== undefined) message.attribute(attributes.local, addressBytes(local));
      });
    },
  });
}
