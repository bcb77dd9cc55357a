// Addresses of links, as in `ip address` (linux/if_addr.h: struct ifaddrmsg).

import { type Address, addressBytes, addressFamily } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { Attributes } from './protocol/attribute.ts';
import { familyNumbers, familyOf, type Scope, scopeNumber, scopeOf } from './protocol/family.ts';
import { type MessageWriter, malformed, messageFlags } from './protocol/message.ts';
import { withoutAbsent } from './protocol/record.ts';
import type { Dumps, Query, Request, RequestSink } from './protocol/request.ts';

export interface AddressOptions {
  readonly ifIndex: IfIndex;
  readonly address: Address;
  readonly prefixLength: number;
  /** Default `global`. */
  readonly scope?: Scope | undefined;
  /** IPv6: usable immediately, without duplicate address detection. */
  readonly noDad?: boolean | undefined;
  /** Without the connected route for its prefix that the kernel would add. */
  readonly noPrefixRoute?: boolean | undefined;
}

export interface InterfaceAddress {
  readonly ifIndex: IfIndex;
  readonly address: Address;
  readonly prefixLength: number;
  readonly scope: Scope;
  readonly noDad: boolean;
  readonly noPrefixRoute: boolean;
  /** IPv6: duplicate address detection is still running; the address cannot be used yet. */
  readonly tentative: boolean;
  /** IPv6: another node has it; the address will not be used. */
  readonly dadFailed: boolean;
  /** The remote address of a point-to-point link. */
  readonly peer?: Address;
}

const messages = { create: 20, delete: 21, get: 22 } as const;
const attributeTypes = { address: 1, local: 2, flags: 8 } as const;
const flags = { noDad: 0x02, dadFailed: 0x08, tentative: 0x40, noPrefixRoute: 0x200 } as const;
const headerSize = 8;

/** Equivalent to: `ip address add A/N dev X [scope S] [nodad] [noprefixroute]`. Throws KernelError (EEXIST, ENODEV). */
export function addAddress(requests: RequestSink, options: AddressOptions): void {
  const how = messageFlags.create | messageFlags.exclusive;
  requests.submit(change('address add', messages.create, how, options));
}

/** Like `addAddress`, but succeeds if it exists. Equivalent to: `ip address replace A/N dev X`. Throws KernelError. */
export function replaceAddress(requests: RequestSink, options: AddressOptions): void {
  const how = messageFlags.create | messageFlags.replace;
  requests.submit(change('address replace', messages.create, how, options));
}

/** Equivalent to: `ip address delete A/N dev X`. Throws KernelError (EADDRNOTAVAIL: it does not exist). */
export function delAddress(
  requests: RequestSink,
  options: Pick<AddressOptions, 'ifIndex' | 'address' | 'prefixLength'>,
): void {
  requests.submit(change('address delete', messages.delete, 0, options));
}

/** Equivalent to: `ip address show [dev X]`. Both families. Throws KernelError (ENODEV). */
export function listAddresses(
  socket: Dumps,
  filter: { readonly ifIndex?: IfIndex } = {},
): InterfaceAddress[] {
  const query: Query = {
    call: 'address list',
    subject: filter.ifIndex === undefined ? '' : `index ${filter.ifIndex}`,
    type: messages.get,
    write: (message) => message.u32(0).u32(filter.ifIndex ?? 0),
  };
  return socket.dump(query, readAddress);
}

/** Reads RTM_NEWADDR and RTM_DELADDR; undefined for families other than IPv4 and IPv6. Throws KernelError EBADMSG. */
export function readAddress(payload: Buffer): InterfaceAddress | undefined {
  if (payload.length < headerSize) throw malformed(`address of ${payload.length} bytes`);
  if (familyOf(payload.readUInt8(0)) === undefined) return undefined;
  const attributes = new Attributes(payload.subarray(headerSize));
  // Point to point: `address` is the peer's and `local` is this end's. Otherwise both (or only `address`, IPv6) are
  // this end's.
  const near = attributes.address(attributeTypes.local);
  const far = attributes.address(attributeTypes.address);
  const address = near ?? far;
  if (address === undefined) throw malformed('address message without an address');
  const bits = attributes.u32(attributeTypes.flags) ?? payload.readUInt8(2);
  return withoutAbsent<InterfaceAddress>({
    ifIndex: payload.readUInt32LE(4) as IfIndex,
    address,
    prefixLength: payload.readUInt8(1),
    scope: scopeOf(payload.readUInt8(3)),
    noDad: (bits & flags.noDad) !== 0,
    noPrefixRoute: (bits & flags.noPrefixRoute) !== 0,
    tentative: (bits & flags.tentative) !== 0,
    dadFailed: (bits & flags.dadFailed) !== 0,
    peer: near !== undefined && far !== near ? far : undefined,
  });
}

function change(call: string, type: number, how: number, options: AddressOptions): Request {
  const { ifIndex, address, prefixLength } = options;
  return {
    call,
    subject: `${address}/${prefixLength} dev index ${ifIndex}`,
    type,
    flags: how,
    write: (message) => write(message, options),
  };
}

function write(message: MessageWriter, options: AddressOptions): void {
  const { ifIndex, address, prefixLength, scope = 'global' } = options;
  const bytes = addressBytes(address);
  let bits = 0;
  if (options.noDad) bits |= flags.noDad;
  if (options.noPrefixRoute) bits |= flags.noPrefixRoute;
  message
    .u8(familyNumbers[addressFamily(address)])
    .u8(prefixLength)
    .u8(0)
    .u8(scopeNumber(scope))
    .u32(ifIndex)
    .attribute(attributeTypes.local, bytes)
    .attribute(attributeTypes.address, bytes);
  if (bits !== 0) message.u32Attribute(attributeTypes.flags, bits);
}
