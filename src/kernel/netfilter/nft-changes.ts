// Reports changes of a namespace's nftables rules by any process, one notification per transaction, and reads the rules
// of heddle's table as comparable bytes, which is cheaper than a listing as text.

import { setImmediate } from 'node:timers/promises';
import { isKernelError } from '../errno.ts';
import type { NetworkNamespace } from '../namespace.ts';
import type { MessageWriter } from '../netlink/protocol/message.ts';
import type { Query } from '../netlink/protocol/request.ts';
import { assembleFilter, filterVerdicts } from '../netlink/protocol/socket-filter.ts';
import { KernelTransport } from '../netlink/protocol/transport.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';

// linux/netfilter/nfnetlink.h and nf_tables.h
const nftablesGroup = 7;
const subsystem = 10;
const getTable = 1;
const getRule = 7;
const newGeneration = 15;
const nameAttribute = 1;
const familyInet = 1;

// A transaction that replaces ten thousand elements sends a notification for each. Only its end, with the new
// generation, wakes the process. The type is in host order, which a two-byte load swaps.
const generationsOnly = assembleFilter([
  { code: 'loadHalf', operand: 4 },
  { code: 'jumpIfEqual', operand: (newGeneration << 8) | subsystem, no: 'drop' },
  { code: 'return', operand: filterVerdicts.accept },
  'drop',
  { code: 'return', operand: filterVerdicts.drop },
]);

export interface RuleChangesOptions {
  /** Default: the thread's own namespace. */
  readonly namespace?: NetworkNamespace | undefined;
  /** Ends the iteration. */
  readonly signal: AbortSignal;
}

/**
 * Subscribes immediately, so that every later change is in the iteration. Changes while the reader is busy are merged.
 * Equivalent to: `nft monitor ruleset`, without the details. Throws KernelError.
 */
export function nftChanges({ namespace, signal }: RuleChangesOptions): AsyncIterable<'changed'> {
  const transport = new KernelTransport({
    family: 'netfilter',
    namespace,
    groups: [nftablesGroup],
    filter: generationsOnly,
  });
  return changes(transport, signal);
}

async function* changes(
  transport: KernelTransport,
  signal: AbortSignal,
): AsyncGenerator<'changed', void> {
  using _ = transport;
  const received = Buffer.alloc(4096);
  while (!signal.aborted) {
    let isChanged = false;
    while (hasMessage(transport, received)) isChanged = true;
    if (isChanged) yield 'changed';
    else await transport.readable(signal);
    await setImmediate();
  }
}

// Some notifications were lost, which still means a change.
function hasMessage(transport: KernelTransport, into: Uint8Array): boolean {
  try {
    return transport.receive(into) !== undefined;
  } catch (error) {
    if (isKernelError(error, 'ENOBUFS')) return true;
    throw error;
  }
}

/**
 * A table of family `inet` and its rules in the kernel's form, including handles: the bytes differ if any rule was
 * replaced, even by an equal one. Without elements of sets and policies of chains. Empty if there is no table.
 * `socket`: of the `netfilter` family. Throws KernelError.
 */
export function ruleBytes(socket: NetlinkSocket, table: string): Buffer {
  const subject = `table inet ${table}`;
  const write = (message: MessageWriter): void => {
    // struct nfgenmsg. The table's name is the first attribute of both requests.
    message.u8(familyInet).u8(0).u8(0).u8(0);
    message.attribute(nameAttribute, Buffer.from(`${table}\0`));
  };
  const query = (type: number): Query => ({
    ...{ call: 'nft list rules', subject, write },
    type: (subsystem << 8) | type,
  });
  try {
    const itself = socket.get(query(getTable), withoutGeneration);
    return Buffer.concat([itself, ...socket.dump(query(getRule), withoutGeneration)]);
  } catch (error) {
    if (isKernelError(error, 'ENOENT')) return Buffer.alloc(0);
    throw error;
  }
}

// struct nfgenmsg contains the current generation, which changes of other tables increase.
function withoutGeneration(payload: Buffer): Buffer {
  return Buffer.from(payload.subarray(4));
}
