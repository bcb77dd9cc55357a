// nftables through libnftables, the library that the `nft` command is made of: commands and listings as `nft` has them,
// as text or JSON (libnftables-json(5)), each call one transaction that happens as a whole or not at all.

import koffi from 'koffi';
import { isKernelError, KernelError } from '../errno.ts';
import { NetworkNamespace } from '../namespace.ts';
import { Attributes } from '../netlink/protocol/attribute.ts';
import { malformed } from '../netlink/protocol/message.ts';
import type { Query } from '../netlink/protocol/request.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { type DevicesByChain, listChainDevices } from './nft-devices.ts';
import type { NftFamily } from './nft-family.ts';
import { hasMoreRules, listXtables, type XtablesByRule } from './nft-xtables.ts';

/** Works in the namespace that it was opened for, wherever it is called. One call takes 0.1-0.2 ms. */
export class Nftables implements Disposable {
  readonly #library: Library;
  readonly #namespace: NetworkNamespace;
  #context: bigint | undefined;
  readonly #socket: NetlinkSocket;
  #listed: Listed | undefined;

  private constructor(library: Library, namespace: NetworkNamespace) {
    this.#library = library;
    this.#namespace = namespace;
    this.#socket = NetlinkSocket.open({ namespace, family: 'netfilter' });
    // libnftables opens its netlink socket here, and that stays in the namespace.
    this.#context = namespace.run(() => library.create(0));
    library.bufferOutput(this.#context);
    library.bufferErrors(this.#context);
  }

  /** For the thread's own namespace unless given. Throws KernelError (ENOENT: the library is not installed). */
  static open(namespace?: NetworkNamespace): Nftables {
    const functions = library();
    return new Nftables(functions, namespace?.duplicate() ?? NetworkNamespace.current());
  }

  /**
   * Performs commands as one transaction: text (`add rule ...`), JSON text, or an object to make JSON of.
   * Equivalent to: `nft -f FILE` or `nft -j -f FILE`. Throws KernelError with libnftables' own text as `detail`.
   */
  apply(commands: string | object): void {
    const text = typeof commands === 'string' ? commands : JSON.stringify(commands);
    this.#run(text, { call: 'nft', subject: abbreviate(text) });
  }

  /**
   * Makes the table hold what `body` says (the text between a table's braces) and nothing else, in one transaction:
   * packets meet either the old rules or the new ones. Throws KernelError, and then the old table is untouched.
   */
  replaceTable(family: NftFamily, name: string, body: string): void {
    const table = `table ${family} ${name}`;
    // Adding first makes the deletion right for a table that is not there yet.
    const commands = `add ${table}\ndelete ${table}\n${table} {\n${body}\n}\n`;
    this.#run(commands, { call: 'nft replace', subject: table });
  }

  /**
   * The table as libnftables-json(5) describes it (an array of `table`, `chain`, `rule`, ... objects), or undefined when
   * there is none. `stateless` leaves out what changes by itself (counters, timeouts), so that two listings compare.
   * Protocols are numbers: their names depend on /etc/protocols, which a container image need not have.
   * Equivalent to: `nft -j -p [-s] list table FAMILY NAME`. Throws KernelError.
   */
  listTable(
    family: NftFamily,
    name: string,
    { stateless = false }: { readonly stateless?: boolean } = {},
  ): readonly unknown[] | undefined {
    const subject = `table ${family} ${name}`;
    // Taken first: what changes in between has another generation the next time.
    const generation = generationOf(this.#socket);
    const last = this.#listed;
    if (stateless && last?.subject === subject && last.generation === generation) return last.items;
    try {
      const output = this.#run(`list ${subject}`, { call: 'nft list', subject, stateless });
      const isSame = stateless && last?.subject === subject && last.output === output;
      const items = isSame ? last.items : readListing(output, subject);
      if (stateless) this.#listed = { subject, generation, output, items };
      return items;
    } catch (error) {
      if (isKernelError(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** Differs from what it was when anything about the namespace's rules has changed. Throws KernelError. */
  generation(): number {
    return generationOf(this.#socket);
  }

  /** All chains of all tables without their rules, as `listTable` gives them. Equivalent to: `nft -j list chains`. */
  listChains(): readonly unknown[] {
    const subject = 'chains';
    return readListing(this.#run('list chains', { call: 'nft list', subject }), subject);
  }

  /** Expressions that iptables-nft wrote, which libnftables lists by name alone: see nft-xtables.ts. Throws KernelError. */
  listXtables(family: NftFamily, table: string): XtablesByRule {
    return listXtables(this.#socket, family, table);
  }

  /** Cheaper than any listing: see nft-xtables.ts. Throws KernelError. */
  hasMoreRules(family: NftFamily, table: string, most: number): boolean {
    return hasMoreRules(this.#socket, { family, table }, most);
  }

  /** Of base chains at devices: see nft-devices.ts. Throws KernelError. */
  listChainDevices(family: NftFamily): DevicesByChain {
    return listChainDevices(this.#socket, family);
  }

  /** False: it was not there. Equivalent to: `nft delete table FAMILY NAME`. Throws KernelError. */
  deleteTable(family: NftFamily, name: string): boolean {
    const subject = `table ${family} ${name}`;
    try {
      this.#run(`delete ${subject}`, { call: 'nft delete', subject });
      return true;
    } catch (error) {
      if (isKernelError(error, 'ENOENT')) return false;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    if (this.#context === undefined) return;
    this.#library.free(this.#context);
    this.#context = undefined;
    this.#socket[Symbol.dispose]();
    this.#namespace[Symbol.dispose]();
  }

  #run(
    commands: string,
    what: { readonly call: string; readonly subject: string; readonly stateless?: boolean },
  ): string {
    const context = this.#context;
    if (context === undefined) throw new Error('this Nftables is disposed of');
    const { json, numericProtocol, stateless } = outputFlags;
    const flags = json | numericProtocol | (what.stateless ? stateless : 0);
    this.#library.setOutput(context, flags);
    // Inside, since interface names are looked up through a socket of the moment.
    const result = this.#namespace.run(() => this.#library.run(context, commands));
    if (result === 0) return this.#library.output(context);
    const errors = this.#library.errors(context);
    throw new KernelError({
      call: what.call,
      subject: what.subject,
      code: codeOf(errors),
      detail: describeErrors(errors),
    });
  }
}

/** The last stateless listing. */
interface Listed {
  readonly subject: string;
  readonly generation: number;
  readonly output: string;
  readonly items: readonly unknown[];
}

/** A number that every change of the namespace's rules, by whomever, makes another (NFT_MSG_GETGEN; Linux 3.15). */
function generationOf(socket: NetlinkSocket): number {
  const nftSubsystem = 10;
  const query: Query = {
    call: 'nft get generation',
    subject: '',
    type: (nftSubsystem << 8) | 16,
    // struct nfgenmsg: any family, version 0, no resource.
    write: (message) => message.u32(0),
  };
  const headerBytes = 4;
  const generationId = 1;
  return socket.get(query, (payload) => {
    const id = new Attributes(payload.subarray(headerBytes)).u32BigEndian(generationId);
    if (id === undefined) throw malformed('nftables generation without a number');
    return id;
  });
}

// enum nft_output_flags of libnftables.h
const outputFlags = { stateless: 1 << 2, json: 1 << 4, numericProtocol: 1 << 7 } as const;

interface Library {
  create(flags: number): bigint;
  free(context: bigint): void;
  setOutput(context: bigint, flags: number): void;
  bufferOutput(context: bigint): number;
  bufferErrors(context: bigint): number;
  run(context: bigint, commands: string): number;
  output(context: bigint): string;
  errors(context: bigint): string;
}

let loaded: Library | undefined;

// Loaded at first use: who needs no nftables needs no libnftables.
function library(): Library {
  loaded ??= loadLibrary('libnftables.so.1');
  return loaded;
}

function loadLibrary(file: string): Library {
  try {
    const functions = koffi.load(file);
    return {
      create: functions.func('void *nft_ctx_new(uint32_t flags)'),
      free: functions.func('void nft_ctx_free(void *context)'),
      setOutput: functions.func('void nft_ctx_output_set_flags(void *context, uint32_t flags)'),
      bufferOutput: functions.func('int nft_ctx_buffer_output(void *context)'),
      bufferErrors: functions.func('int nft_ctx_buffer_error(void *context)'),
      run: functions.func('int nft_run_cmd_from_buffer(void *context, const char *commands)'),
      output: functions.func('const char *nft_ctx_get_output_buffer(void *context)'),
      errors: functions.func('const char *nft_ctx_get_error_buffer(void *context)'),
    };
  } catch (error) {
    const detail = 'install libnftables (Debian: libnftables1, which nftables brings with it)';
    throw new KernelError(
      { call: 'load', subject: file, code: 'ENOENT', detail },
      { cause: error },
    );
  }
}

function readListing(output: string, subject: string): readonly unknown[] {
  const listing = parsed(output);
  if (typeof listing !== 'object' || listing === null || !('nftables' in listing)) {
    throw new KernelError({ call: 'nft list', subject, code: 'EBADMSG', detail: output });
  }
  const { nftables } = listing;
  if (!Array.isArray(nftables)) {
    throw new KernelError({ call: 'nft list', subject, code: 'EBADMSG', detail: output });
  }
  return nftables.filter((item: object) => !('metainfo' in item));
}

// libnftables 1.0.6 ends its output in the middle of some tables that have flags.
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

// libnftables gives no number: its texts end in strerror's, or in its parser's own words.
const codesByText: readonly (readonly [string, string])[] = [
  ['No such file or directory', 'ENOENT'],
  ['File exists', 'EEXIST'],
  ['Operation not permitted', 'EPERM'],
  ['Permission denied', 'EACCES'],
  ['Device or resource busy', 'EBUSY'],
  ['Operation not supported', 'EOPNOTSUPP'],
  ['Cannot allocate memory', 'ENOMEM'],
  ['No buffer space available', 'ENOBUFS'],
  ['Numerical result out of range', 'ERANGE'],
];

function codeOf(errors: string): string {
  const found = codesByText.find(([text]) => errors.includes(text));
  return found === undefined ? 'EINVAL' : found[1];
}

// Between the errors come copies of the commands with the place underlined, which no log line has room for.
function describeErrors(errors: string): string {
  const lines = errors.split('\n').filter((line) => line.includes('Error: '));
  return (lines.length === 0 ? errors.trim() : lines.join('; ')).replaceAll('<cmdline>:', '');
}

function abbreviate(commands: string): string {
  const line = commands.replace(/\s+/g, ' ').trim();
  return line.length > 80 ? `${line.slice(0, 80)}...` : line;
}
