// When a namespace's nftables rules change, by whomever: one notification a transaction. And what our table's rules are, as
// bytes that compare, which costs less than a listing in words.

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

// A transaction that replaces ten thousand elements tells of each: only its end, which bears the new generation, wakes us.
// The type is in the host's order, which a load of two bytes turns round.
const generationsOnly = assembleFilter([
  { code: 'loadHalf', operand: 4 },
  { code: 'jumpIfEqual', operand: (newGeneration << 8) | subsystem, no: 'drop' },
  { code: 'return', operand: filterVerdicts.accept },
  'drop',
  { code: 'return', operand: filterVerdicts.drop },
]);

export interface RuleChangesOptions {
  /** The thread's own when absent. */
  readonly namespace?: NetworkNamespace | undefined;
  /** Ends the iteration. */
  readonly signal: AbortSignal;
}

/**
 * Begins at once, so that whatever happens after this call is in the iteration; changes that come while the reader is busy
 * are one. Equivalent to: `nft monitor ruleset`, less what changed. Throws KernelError.
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

// Some were lost: there was a change all the same.
function hasMessage(transport: KernelTransport, into: Uint8Array): boolean {
  try {
    return transport.receive(into) !== undefined;
  } catch (error) {
    if (isKernelError(error, 'ENOBUFS')) return true;
    throw error;
  }
}

/**
 * A table of family `inet` and its rules as the kernel has them, handles included: other bytes where any was exchanged, even
 * for one that reads the same. Sets' elements are not in it, nor chains' policies. Empty where there is no table. `socket`: of the
 * `netfilter` family. Throws KernelError.
 */
export function ruleBytes(socket: NetlinkSocket, table: string): Buffer {
  const subject = `table inet ${table}`;
  const write = (message: MessageWriter): void => {
    // struct nfgenmsg; a table's name is the first attribute of both questions.
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

// struct nfgenmsg has the generation of the moment, which others' changes move.
function withoutGeneration(payload: Buffer): Buffer {
  return Buffer.from(payload.subarray(4));
}
