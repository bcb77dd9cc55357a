// Writes single entries to the kernel and collects failures instead of throwing them.

import { isKernelError } from '../kernel/errno.ts';
import { batch } from '../kernel/netlink/batch.ts';
import type { RequestSink } from '../kernel/netlink/protocol/request.ts';
import type { NetlinkSocket } from '../kernel/netlink/socket.ts';
import type { EntryFailure } from '../reconcile/table.ts';

/** Calls `write` for each entry; a KernelError whose code is in `ignored` counts as done. */
export function writeEach<Entry>(
  entries: readonly Entry[],
  { key, write, ignored = [] }: EachOptions<Entry>,
): readonly EntryFailure[] {
  return entries.flatMap((entry) => {
    try {
      write(entry);
      return [];
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return isIgnored(error, ignored) ? [] : [{ key: key(entry), error }];
    }
  });
}

/** Like `writeEach`, with all requests in one send; `write` must submit exactly one request. */
export function writeBatch<Entry>(
  socket: NetlinkSocket,
  entries: readonly Entry[],
  { key, write, ignored = [] }: BatchOptions<Entry>,
): readonly EntryFailure[] {
  const outcomes = batch(socket, (requests) => {
    for (const entry of entries) write(entry, requests);
  });
  return entries.flatMap((entry, index) => {
    const error = outcomes[index];
    return error === undefined || isIgnored(error, ignored) ? [] : [{ key: key(entry), error }];
  });
}

interface EachOptions<Entry> {
  key(entry: Entry): string;
  write(entry: Entry): void;
  readonly ignored?: readonly string[];
}

interface BatchOptions<Entry> {
  key(entry: Entry): string;
  write(entry: Entry, requests: RequestSink): void;
  readonly ignored?: readonly string[];
}

function isIgnored(error: Error, codes: readonly string[]): boolean {
  return codes.length > 0 && isKernelError(error, ...codes);
}
