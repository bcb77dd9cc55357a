// The kernel's answers to a request: messages, end, error.

import { KernelError } from '../../errno.ts';
import { type Acknowledgement, readAcknowledgement, readDone } from './acknowledgement.ts';
import { type Message, messageTypes, splitMessages } from './message.ts';
import type { Query } from './request.ts';

export function messagesOf(
  { call, subject }: Query,
  bytes: Buffer,
  length: number | undefined,
): readonly Message[] {
  if (length !== undefined) return splitMessages(bytes.subarray(0, length));
  const detail = 'the kernel has not answered';
  throw new KernelError({ call, subject, code: 'ENODATA', detail });
}

/** Whether the message ends the answer. Throws KernelError if the kernel refused the request. */
export function isEnd(query: Query, message: Message): boolean {
  if (message.type !== messageTypes.done && message.type !== messageTypes.error) return false;
  const end = message.type === messageTypes.done ? readDone(message) : readAcknowledgement(message);
  if (end.errno !== 0) throw refused(query, end);
  return true;
}

// Without a stack trace: it would show this file, many refusals are expected (an object to delete does not exist), and
// creating the trace takes as long as the exchange with the kernel.
export function refused({ call, subject }: Query, { errno, detail }: Acknowledgement): KernelError {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return new KernelError({ call, subject, code: errno, detail });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
