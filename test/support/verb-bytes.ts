// Tests of the bytes that rtnetlink verbs send: they equal those that iproute2 sends for the same purpose.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitMessages } from '../../src/kernel/netlink/protocol/message.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { type Mac, parseMac } from '../../src/net/mac.ts';
import { acknowledgement, done, FakeTransport } from './fake-netlink.ts';

export const ifIndex: IfIndex = 7 as IfIndex;
export const linkMac: Mac = parseMac('02:00:5e:10:00:01');

// The flags besides REQUEST: the kind of the request.
export const change = 0x5;
export const add = 0x605;
export const replace = 0x505;
export const question = 0x1;
export const dump = 0x301;

export interface VerbCase {
  readonly name: string;
  readonly call: (socket: NetlinkSocket) => void;
  readonly type: number;
  readonly flags: number;
  /** The family's header, then one line per attribute. */
  readonly payload: readonly string[];
}

/** One test per case. */
export function testVerbs(cases: readonly VerbCase[]): void {
  for (const { name, call, type, flags, payload } of cases) {
    test(`${name} is these bytes`, () => {
      const noSuchDevice = 19;
      const transport = new FakeTransport((requests) =>
        requests.map((request) =>
          flags === dump
            ? done(request.sequence)
            : acknowledgement(request, flags === question ? noSuchDevice : 0),
        ),
      );
      // The refusal of a query does not matter here.
      const isRefusal = (error: unknown): boolean => flags === question && error instanceof Error;
      try {
        call(NetlinkSocket.over(transport));
      } catch (error) {
        if (!isRefusal(error)) throw error;
      }
      const [sent, ...others] = splitMessages(Buffer.concat(transport.sent));
      assert.deepEqual(others, []);
      assert.deepEqual([sent?.type, sent?.flags], [type, flags]);
      assert.equal(sent?.payload.toString('hex'), payload.join('').replaceAll(' ', ''));
    });
  }
}
