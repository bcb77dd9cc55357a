// Notifications about changes in a namespace's network: an async iterable over a netlink socket in multicast groups.

import { setImmediate } from 'node:timers/promises';
import type { AddressFamily } from '../../net/address.ts';
import { isKernelError } from '../errno.ts';
import type { NetworkNamespace } from '../namespace.ts';
import { type InterfaceAddress, readAddress } from './address.ts';
import { type Link, readLink } from './link-record.ts';
import { type Neighbour, readNeighbour } from './neighbour.ts';
import { Attributes } from './protocol/attribute.ts';
import { familyOf } from './protocol/family.ts';
import { type Message, splitMessages } from './protocol/message.ts';
import { withoutAbsent } from './protocol/record.ts';
import type { FilterInstruction } from './protocol/socket-filter.ts';
import { KernelTransport, type NetlinkTransport } from './protocol/transport.ts';
import { type RemovedHook, readRemovedHook } from './removed-hook.ts';
import { type RouteRecord, readRoute } from './route-record.ts';

/** Forwarding at an interface was switched, or the interface gained or lost its settings. */
export interface Setting {
  readonly family: AddressFamily;
  /** -1: `all`; -2: `default`. */
  readonly ifIndex: number;
  readonly forwarding?: boolean | undefined;
}

/** `new`: created or changed, with its current state. `del`: the deleted object. */
export type NotificationAction = 'new' | 'del';

export type Notification =
  | { readonly kind: 'link'; readonly action: NotificationAction; readonly link: Link }
  | {
      readonly kind: 'address';
      readonly action: NotificationAction;
      readonly address: InterfaceAddress;
    }
  | { readonly kind: 'route'; readonly action: NotificationAction; readonly route: RouteRecord }
  | {
      readonly kind: 'neighbour';
      readonly action: NotificationAction;
      readonly neighbour: Neighbour;
    }
  /** For queueing disciplines and filters, only removals are reported. */
  | { readonly kind: 'hook'; readonly action: 'del'; readonly hook: RemovedHook }
  | { readonly kind: 'setting'; readonly action: NotificationAction; readonly setting: Setting }
  /**
   * Notifications were lost, because the reader was too slow, or could not be read: state derived from them must be
   * listed again.
   */
  | { readonly kind: 'overrun' };

export type NotificationKind = Exclude<Notification['kind'], 'overrun'>;

export interface SubscribeOptions {
  readonly kinds: readonly NotificationKind[];
  /** Default: the thread's own namespace. */
  readonly namespace?: NetworkNamespace | undefined;
  /** Messages that the kernel drops before this process is woken. */
  readonly filter?: readonly FilterInstruction[] | undefined;
  /** Ends the iteration. */
  readonly signal?: AbortSignal | undefined;
}

// RTNLGRP_*: both families if the kernel has a group for each.
const groups = {
  link: [1],
  neighbour: [3],
  hook: [4],
  address: [5, 9],
  route: [7, 11],
  setting: [24, 25],
} as const;
// As in socket.ts: a single link may have 64 KiB of alternative names.
const receiveBytes = 96 * 1024;
// After this many datagrams without a wait, the event loop gets a turn.
const turnDatagrams = 64;

/**
 * Subscribes immediately, so that every later change is in the iteration: subscribe first, then list.
 * Equivalent to: `ip monitor link address route neigh netconf`. Throws KernelError.
 */
export function subscribe({ kinds, namespace, filter, signal }: SubscribeOptions): Subscription {
  const transport = new KernelTransport({
    family: 'route',
    namespace,
    groups: kinds.flatMap((kind) => groups[kind]),
    filter,
  });
  return new Subscription(transport, signal);
}

/**
 * For one reader. Back-pressure comes from the kernel: nothing is read ahead, its buffer (1 MiB) fills while the reader
 * is busy, and an overrun is reported if it was too small. A waiting reader keeps the process alive.
 */
export class Subscription implements AsyncIterable<Notification>, Disposable {
  readonly #transport: NetlinkTransport;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal | undefined;
  readonly #received: Buffer = Buffer.allocUnsafeSlow(receiveBytes);
  readonly #dispose = (): void => this[Symbol.dispose]();

  /** Owns the transport. */
  constructor(transport: NetlinkTransport, signal?: AbortSignal) {
    this.#transport = transport;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#dispose);
    if (signal?.aborted) this.#dispose();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Notification> {
    const stop = this.#stop.signal;
    try {
      for (let datagrams = 0; !stop.aborted; datagrams++) {
        const notifications = this.#receive();
        if (notifications === undefined) await this.#transport.readable(stop);
        else yield* notifications;
        if (datagrams % turnDatagrams === 0) await setImmediate();
      }
    } finally {
      this.#dispose();
    }
  }

  [Symbol.dispose](): void {
    if (this.#stop.signal.aborted) return;
    this.#signal?.removeEventListener('abort', this.#dispose);
    this.#stop.abort();
    this.#transport[Symbol.dispose]();
  }

  /** Notifications of one datagram; undefined if there is none. */
  #receive(): readonly Notification[] | undefined {
    try {
      const length = this.#transport.receive(this.#received);
      if (length === undefined) return undefined;
      return splitMessages(this.#received.subarray(0, length)).flatMap(readNotification);
    } catch (error) {
      // Of a datagram that is too long or cannot be parsed, nothing is known but that something changed.
      if (isKernelError(error, 'ENOBUFS', 'EMSGSIZE', 'EBADMSG')) return [{ kind: 'overrun' }];
      throw error;
    }
  }
}

/** Empty for messages of other kinds and families. Throws KernelError EBADMSG. */
function readNotification({ type, payload }: Message): Notification[] {
  // Each object has four consecutive types: new, del, get, set.
  const action = type % 4 === 0 ? 'new' : 'del';
  switch (type) {
    case 16:
    case 17: {
      const link = readLinkNotification(payload);
      return link === undefined ? [] : [{ kind: 'link', action, link }];
    }
    case 20:
    case 21: {
      const address = readAddress(payload);
      return address === undefined ? [] : [{ kind: 'address', action, address }];
    }
    case 24:
    case 25: {
      const route = readRoute(payload);
      return route === undefined ? [] : [{ kind: 'route', action, route }];
    }
    case 28:
    case 29: {
      const neighbour = readNeighbour(payload);
      return neighbour === undefined ? [] : [{ kind: 'neighbour', action, neighbour }];
    }
    case 37:
    case 45:
      return [{ kind: 'hook', action: 'del', hook: readRemovedHook(payload) }];
    case 80:
    case 81: {
      const setting = readSetting(payload);
      return setting === undefined ? [] : [{ kind: 'setting', action, setting }];
    }
    default:
      return [];
  }
}

// struct netconfmsg is one byte, followed by NETCONFA_*.
function readSetting(payload: Buffer): Setting | undefined {
  const family = familyOf(payload[0] ?? 0);
  if (family === undefined) return undefined;
  const attributes = new Attributes(payload.subarray(4));
  const forwarding = attributes.i32(2);
  return withoutAbsent<Setting>({
    family,
    ifIndex: attributes.i32(1) ?? 0,
    forwarding: forwarding === undefined ? undefined : forwarding !== 0,
  });
}

// A bridge reports its ports by link messages of its own family, whose `del` means that the port left the bridge.
function readLinkNotification(payload: Buffer): Link | undefined {
  return payload[0] === 0 ? readLink(payload) : undefined;
}
