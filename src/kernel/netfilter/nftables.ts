// nftables through libnftables, the library behind the `nft` command: its commands and listings, as text or JSON
// (libnftables-json(5)). Each call is one atomic transaction.

import { isKernelError, KernelError } from '../errno.ts';
import { NetworkNamespace } from '../namespace.ts';
import { Attributes } from '../netlink/protocol/attribute.ts';
import { malformed } from '../netlink/protocol/message.ts';
import type { Query } from '../netlink/protocol/request.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { type Library, library, outputFlags } from './libnftables.ts';
import { ruleBytes } from './nft-changes.ts';
import { type DevicesByChain, listChainDevices } from './nft-devices.ts';
import type { NftFamily } from './nft-family.ts';
import { countElements, listSets, type NftSet, type NftTableName } from './nft-sets.ts';
import { hasMoreRules, listXtables, type XtablesByRule } from './nft-xtables.ts';

/** Works in the namespace for which it was opened, wherever it is called. One call takes 0.1-0.2 ms. */
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
    // libnftables opens its netlink socket here, which stays in the namespace.
    this.#context = namespace.run(() => library.create(0));
    library.bufferOutput(this.#context);
    library.bufferErrors(this.#context);
  }

  /** Default: the thread's own namespace. Throws KernelError (ENOENT: the library is not installed). */
  static open(namespace?: NetworkNamespace): Nftables {
    const functions = library();
    return new Nftables(functions, namespace?.duplicate() ?? NetworkNamespace.current());
  }

  /**
   * Executes commands as one transaction: text (`add rule ...`), JSON text, or an object that is converted to JSON.
   * Equivalent to: `nft -f FILE` or `nft -j -f FILE`. Throws KernelError with libnftables' text as `detail`.
   */
  apply(commands: string | object): void {
    const text = typeof commands === 'string' ? commands : JSON.stringify(commands);
    this.#run(text, { call: 'nft', subject: abbreviate(text) });
  }

  /**
   * Replaces the contents of the table by `body` (the text between a table's braces) in one transaction: packets see
   * either the old rules or the new ones. On KernelError the old table is unchanged.
   */
  replaceTable(family: NftFamily, name: string, body: string): void {
    const table = `table ${family} ${name}`;
    // The add makes the delete valid for a table that does not exist yet.
    const commands = `add ${table}\ndelete ${table}\n${table} {\n${body}\n}\n`;
    this.#run(commands, { call: 'nft replace', subject: table });
  }

  /**
   * The table as described in libnftables-json(5) (an array of `table`, `chain`, `rule`, ... objects), or undefined if
   * there is none. `stateless` omits values that change by themselves (counters, timeouts), so that two listings can be
   * compared. Protocols are numbers: their names depend on /etc/protocols, which a container image may lack.
   * Equivalent to: `nft -j -p [-s] list table FAMILY NAME`. Throws KernelError.
   */
  listTable(
    family: NftFamily,
    name: string,
    { stateless = false }: { readonly stateless?: boolean } = {},
  ): readonly unknown[] | undefined {
    const subject = `table ${family} ${name}`;
    // Read first: a change in between has another generation the next time.
    const generation = generationOf(this.#socket);
    const last = this.#listed;
    if (stateless && last?.subject === subject && last.generation === generation) return last.items;
    try {
      const output = this.#list({ table: { family, name } }, { subject, stateless });
      const isSame = stateless && last?.subject === subject && last.output === output;
      const items = isSame ? last.items : readListing(output, subject);
      if (stateless) this.#listed = { subject, generation, output, items };
      return items;
    } catch (error) {
      if (isKernelError(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** Changes whenever anything in the namespace's rules changes. Throws KernelError. */
  generation(): number {
    return generationOf(this.#socket);
  }

  /** Of a table of family `inet`: see nft-changes.ts. Throws KernelError. */
  ruleBytes(table: string): Buffer {
    return ruleBytes(this.#socket, table);
  }

  /** All chains of all tables without their rules, in the form of `listTable`. Equivalent to: `nft -j list chains`. */
  listChains(): readonly unknown[] {
    const subject = 'chains';
    return readListing(this.#run('list chains', { call: 'nft list', subject }), subject);
  }

  /**
   * Expressions written by iptables-nft, of which libnftables lists only the names: see nft-xtables.ts. Throws
   * KernelError.
   */
  listXtables(family: NftFamily, table: string): XtablesByRule {
    return listXtables(this.#socket, family, table);
  }

  /** Cheaper than any listing: see nft-xtables.ts. Throws KernelError. */
  hasMoreRules(most: number, of?: NftTableName): boolean {
    return hasMoreRules(this.#socket, most, of);
  }

  /** See nft-sets.ts. Throws KernelError. */
  listSets(most: number, of?: NftTableName): ReturnType<typeof listSets> {
    return listSets(this.#socket, most, of);
  }

  /** Cheaper than any listing: see nft-sets.ts. Throws KernelError. */
  countElements(set: NftSet, most: number): number {
    return countElements(this.#socket, set, most);
  }

  /**
   * One set or map with its elements, in the form of `listTable`; undefined if there is none.
   * Equivalent to: `nft -j list set FAMILY TABLE NAME`. Throws KernelError.
   */
  listSet({ family, table, name, isMap }: NftSet): readonly unknown[] | undefined {
    const subject = `${isMap ? 'map' : 'set'} ${family} ${table} ${name}`;
    try {
      const output = this.#list({ [isMap ? 'map' : 'set']: { family, table, name } }, { subject });
      return readListing(output, subject);
    } catch (error) {
      if (isKernelError(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /**
   * All tables, but no elements of named sets and maps: neither listed nor read from the kernel. libnftables 1.0.6 can do
   * that only for all tables together; for a single table it reads the elements and omits them.
   * Equivalent to: `nft -j -t list ruleset`. Throws KernelError.
   */
  listTerse(): readonly unknown[] {
    const subject = 'ruleset';
    const output = this.#run('list ruleset', { call: 'nft list', subject, terse: true });
    return readListing(output, subject);
  }

  /** Devices of base chains: see nft-devices.ts. Throws KernelError. */
  listChainDevices(family: NftFamily): DevicesByChain {
    return listChainDevices(this.#socket, family);
  }

  /** Returns false if it did not exist. Equivalent to: `nft delete table FAMILY NAME`. Throws KernelError. */
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

  // As JSON: in a text, another program's names could be keywords.
  #list(what: object, options: { readonly subject: string } & ListingOptions): string {
    const command = JSON.stringify({ nftables: [{ list: what }] });
    return this.#run(command, { call: 'nft list', ...options });
  }

  #run(
    commands: string,
    what: { readonly call: string; readonly subject: string } & ListingOptions,
  ): string {
    const context = this.#context;
    if (context === undefined) throw new Error('this Nftables is disposed of');
    const { json, numericProtocol, stateless, terse } = outputFlags;
    const flags =
      json | numericProtocol | (what.stateless ? stateless : 0) | (what.terse ? terse : 0);
    this.#library.setOutput(context, flags);
    // Runs inside the namespace, because interface names are looked up through a temporary socket.
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

interface ListingOptions {
  readonly stateless?: boolean;
  readonly terse?: boolean;
}

/** The last stateless listing. */
interface Listed {
  readonly subject: string;
  readonly generation: number;
  readonly output: string;
  readonly items: readonly unknown[];
}

/** A number that changes with every change of the namespace's rules by any process (NFT_MSG_GETGEN; Linux 3.15). */
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

// libnftables 1.0.6 truncates its output for some tables with flags.
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

// libnftables returns no error number: its texts end with strerror's text or with its parser's own.
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

// Between the errors are copies of the commands with the position underlined, which are too long for a log line.
function describeErrors(errors: string): string {
  const lines = errors.split('\n').filter((line) => line.includes('Error: '));
  return (lines.length === 0 ? errors.trim() : lines.join('; ')).replaceAll('<cmdline>:', '');
}

function abbreviate(commands: string): string {
  const line = commands.replace(/\s+/g, ' ').trim();
  return line.length > 80 ? `${line.slice(0, 80)}...` : line;
}
