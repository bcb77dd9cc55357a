// The kernel's result of a request: NLMSG_ERROR, with errno 0 for success, and its extended text (extack, kernel 4.12).

import { Attributes } from './attribute.ts';
import { type Message, malformed, messageFlags } from './message.ts';

export interface Acknowledgement {
  /** 0: success. Otherwise positive. */
  readonly errno: number;
  /** Additional information from the kernel: its text, the invalid attribute, the missing one. */
  readonly detail?: string;
}

// linux/netlink.h: NLMSGERR_ATTR_*
const extack = { text: 1, offset: 2, missingType: 5 } as const;
const errnoSize = 4;
const headerSize = 16;

/** Reads an NLMSG_ERROR. Throws KernelError EBADMSG if it is truncated. */
export function readAcknowledgement(message: Message): Acknowledgement {
  const { payload, flags } = message;
  if (payload.length < errnoSize + headerSize) {
    throw malformed(`acknowledgement of ${payload.length} bytes`);
  }
  const errno = -payload.readInt32LE(0);
  if (errno === 0) return { errno: 0 };
  // The request precedes the attributes: only its header if capped, otherwise all of it.
  const echoed = (flags & messageFlags.cappedAck) !== 0 ? headerSize : payload.readUInt32LE(4);
  return withDetail(errno, flags, payload.subarray(errnoSize + ((echoed + 3) & ~3)));
}

/** Reads the errno of an NLMSG_DONE, which ends a dump that failed midway. */
export function readDone(message: Message): Acknowledgement {
  const { payload, flags } = message;
  if (payload.length < errnoSize) return { errno: 0 };
  const errno = -payload.readInt32LE(0);
  // The return value of a dump may be positive; only negative ones are errors.
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
  return offset === undefined ? undefined : `the error is at byte ${offset} of the request`;
}
