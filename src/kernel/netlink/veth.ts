// veth: a virtual cable with an interface at each end, usually between two namespaces.

import type { IfIndex } from '../../net/if-index.ts';
import type { Mac } from '../../net/mac.ts';
import type { NetworkNamespace } from '../namespace.ts';
import {
  type Link,
  type LinkSettings,
  linkMessages,
  readLink,
  writeLinkHeader,
  writeLinkInfo,
  writeLinkSettings,
} from './link-record.ts';
import { messageFlags } from './protocol/message.ts';
import type { Query, Request, RequestSink } from './protocol/request.ts';
import type { NetlinkSocket } from './socket.ts';

export interface VethOptions {
  readonly name: string;
  /** Default: chosen by the kernel. */
  readonly ifIndex?: IfIndex | undefined;
  /** Default: random. */
  readonly mac?: Mac | undefined;
  readonly mtuBytes?: number | undefined;
  readonly up?: boolean | undefined;
  readonly peer: {
    readonly name: string;
    /** Created there directly, so that its name needs to be free only there. */
    readonly namespace?: NetworkNamespace | undefined;
    readonly ifIndex?: IfIndex | undefined;
    readonly mac?: Mac | undefined;
    readonly mtuBytes?: number | undefined;
  };
}

type LinkReader<Made extends Link> = (payload: Buffer) => Made;

/**
 * Creates both ends in one request. The peer stays down, because the kernel cannot bring it up before the pair is
 * complete (ENOTCONN); this needs a `setLink` in its namespace.
 * Equivalent to: `ip link add NAME [address MAC] [mtu N] type veth peer name PEER [netns NS] ...`. Throws KernelError
 * (EEXIST: a name is in use; EBUSY: an index is; ERANGE: a name over 15 bytes).
 */
export function addVeth(requests: RequestSink, options: VethOptions): void {
  requests.submit(creation(options));
}

/** Like `addVeth`, and returns the created link, parsed by `read`, from the same exchange. Linux 6.2. */
export function makeVeth(socket: NetlinkSocket, options: VethOptions): Link;
export function makeVeth<Made extends Link>(
  socket: NetlinkSocket,
  options: VethOptions,
  read: LinkReader<Made>,
): Made;
export function makeVeth(
  socket: NetlinkSocket,
  options: VethOptions,
  read: LinkReader<Link> = readLink,
): Link {
  return socket.get(echoed(creation(options)), read);
}

/** Like `makeVeth`, while this thread does other work. The socket belongs to the caller until it settles. */
export function makeVethAside(socket: NetlinkSocket, options: VethOptions): Promise<Link>;
export function makeVethAside<Made extends Link>(
  socket: NetlinkSocket,
  options: VethOptions,
  read: LinkReader<Made>,
): Promise<Made>;
export function makeVethAside(
  socket: NetlinkSocket,
  options: VethOptions,
  read: LinkReader<Link> = readLink,
): Promise<Link> {
  return socket.getAside(echoed(creation(options)), read);
}

function echoed({ flags, ...request }: Request): Query {
  return { ...request, flags: flags | messageFlags.echo };
}

function creation(options: VethOptions): Request {
  const vethInfoPeer = 1;
  return {
    call: 'link add',
    subject: `veth ${options.name} peer ${options.peer.name}`,
    type: linkMessages.create,
    flags: messageFlags.create | messageFlags.exclusive,
    write: (message) => {
      const writeEnd = (end: LinkSettings & { readonly ifIndex?: IfIndex | undefined }): void => {
        writeLinkHeader(message, end);
        writeLinkSettings(message, end);
      };
      writeEnd(options);
      writeLinkInfo(message, 'veth', () =>
        message.nest(vethInfoPeer, () => writeEnd(options.peer)),
      );
    },
  };
}
