// Whether a packet between pods takes the direct way, computed a second time from docs/datapath.md ("Who owns a flow"),
// if connection tracking has no translated entry and the flow has no earlier packet.

import { protocols } from '../../src/net/protocol.ts';

export interface Owner {
  readonly direct: boolean;
  /** Earlier packets of the flow, or of the flow that an error quotes, could change the result. */
  readonly byFlow?: boolean;
}

const icmpTypes: Readonly<
  Record<4 | 6, { readonly request: number; readonly reply: number; readonly errors: number[] }>
> = {
  4: { request: 8, reply: 0, errors: [3, 4, 5, 11, 12] },
  6: { request: 128, reply: 129, errors: Array.from({ length: 128 }, (_, type) => type) },
};

/** `protocol` is absent in a later fragment. */
export function readOwner(
  view: DataView,
  where: {
    readonly family: 4 | 6;
    readonly protocol: number | undefined;
    readonly start: number;
    readonly isPiece: boolean;
  },
): Owner {
  const { family, protocol, start, isPiece } = where;
  if (isPiece || protocol === undefined) return { direct: false };
  if (protocol === protocols.tcp || protocol === protocols.udp) return { direct: true };
  const isIcmp = protocol === (family === 4 ? protocols.icmp : protocols.icmpv6);
  if (!isIcmp || start >= view.byteLength) return { direct: false };
  const { request, reply, errors } = icmpTypes[family];
  const type = view.getUint8(start);
  if (type === request || type === reply) return { direct: type === request, byFlow: true };
  if (!errors.includes(type)) return { direct: false };
  return { direct: quotesPorts(view, family, start + 8), byFlow: true };
}

/** For TCP or UDP, the only protocols that are looked up. */
function quotesPorts(view: DataView, family: 4 | 6, at: number): boolean {
  const shortest = family === 4 ? 20 : 40;
  if (at + shortest > view.byteLength || view.getUint8(at) >> 4 !== family) return false;
  const length = family === 4 ? (view.getUint8(at) & 0xf) * 4 : shortest;
  if (length < shortest || at + length + 4 > view.byteLength) return false;
  if (family === 4 && (view.getUint16(at + 6) & 0x1fff) !== 0) return false;
  const protocol = view.getUint8(at + (family === 4 ? 9 : 6));
  const isAsked = protocol === protocols.tcp || protocol === protocols.udp;
  return isAsked && view.getUint16(at + length) !== 0;
}
