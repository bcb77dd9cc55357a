// The kernel's verdict on a request: NLMSG_ERROR, with errno 0 for yes, and its extended text (extack, kernel 4.12).

import { Attributes } from './attribute.ts';
import { type Message, malformed, messageFlags } from './message.ts';

export interface Acknowledgement {
  /** 0: done. Positive otherwise. */
  readonly errno: number;
  /** What the kernel had to say beyond the number: its text, the attribute it stumbled over, the one it missed. */
  readonly detail?: string;
}

// linux/netlink.h: NLMSGERR_ATTR_*
const extack = { text: 1, offset: 2, missingType: 5 } as const;
const errnoSize = 4;
const headerSize = 16;

/** Reads an NLMSG_ERROR. Throws KernelError EBADMSG when it is cut short. */
export function readAcknowledgement(message: Message): Acknowledgement {
  const { payload, flags } = message;
  if (payload.length < errnoSize + headerSize) {
    throw malformed(`acknowledgement of ${payload.length} bytes`);
  }
  const errno = -payload.readInt32LE(0);
  if (errno === 0) return { errno: 0 };
  // The request comes back before the attributes: its header only if capped, else all of it.
  const echoed = (flags & messageFlags.cappedAck) !== 0 ? headerSize : payload.readUInt32LE(4);
  return withDetail(errno, flags, payload.subarray(errnoSize + ((echoed + 3) & ~3)));
}

/** Reads the errno of an NLMSG_DONE, which is how a dump that failed midway ends. */
export function readDone(message: Message): Acknowledgement {
  const { payload, flags } = message;
  if (payload.length < errnoSize) return { errno: 0 };
  const errno = -payload.readInt32LE(0);
  // A dump's return value may be positive; only negative ones are errors.
  if (errno <= 0) return { errno: 0 };
  return withDetail(errno, flags, payload.subarray(errnoSize));
}

function withDetail(errno: number, flags: number, rest: Buffer): Acknowledgement {
  if ((flags & messageFlags.extendedAck) === 0) return { errno };
  const detail = describe(new Attributes(rest));
  return detail === undefined ? { errno } : { errno, detail };
}

function describe(attributes: Attributes): string | undefined {
  const text = attributes.text(extack.text);
  if (text !== undefined) return text;
  const missing = attributes.u32(extack.missingType);
  if (missing !== undefined) return `attribute ${missing} is missing`;
  const offset = attributes.u32(extack.offset);
  return offset === undefined ? undefined : `it stumbled over byte ${offset} of the request`;
}
