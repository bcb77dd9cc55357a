// A namespace's number for another one (linux/net_namespace.h), by which links tell where their other end is.

import type { NetworkNamespace } from '../namespace.ts';
import { Attributes } from './attribute.ts';
import type { Query } from './request.ts';
import type { NetlinkSocket } from './socket.ts';

/**
 * The number that the socket's namespace has for `namespace`, as in `Link.linkNamespaceId`; undefined when it has none
 * yet (the kernel gives numbers as links come to cross). Equivalent to: `ip netns list-id`. Throws KernelError.
 */
export function namespaceId(
  socket: NetlinkSocket,
  namespace: NetworkNamespace,
): number | undefined {
  const getNamespaceId = 90;
  const attributeTypes = { id: 1, fd: 3 } as const;
  const headerSize = 4;
  const query: Query = {
    call: 'netns get id',
    subject: `fd ${namespace.fd}`,
    type: getNamespaceId,
    write: (message) => message.u32(0).u32Attribute(attributeTypes.fd, namespace.fd),
  };
  const id = socket.get(query, (payload) =>
    new Attributes(payload.subarray(headerSize)).i32(attributeTypes.id),
  );
  return id === -1 ? undefined : id;
}
