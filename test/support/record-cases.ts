// Tests of the parsers of messages that were captured from a kernel.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isKernelError } from '../../src/kernel/errno.ts';
import { type captured, capturedPayload } from './captured-netlink.ts';

export interface RecordCase {
  readonly name: keyof typeof captured;
  readonly read: (payload: Buffer) => unknown;
  readonly record: unknown;
}

/** Each message is parsed, and any damage to its bytes is survived. */
export function testRecords(cases: readonly RecordCase[]): void {
  for (const { name, read, record } of cases) {
    test(`a captured ${name} is read into its record`, () => {
      assert.deepEqual(read(capturedPayload(name)), record);
    });

    test(`a captured ${name} truncated anywhere is read or refused, never a crash`, () => {
      const payload = capturedPayload(name);
      for (let length = 0; length < payload.length; length++) {
        readOrRefuse(read, payload.subarray(0, length));
      }
    });

    test(`a captured ${name} with any byte damaged is read or refused, never a crash`, () => {
      const payload = capturedPayload(name);
      for (let at = 0; at < payload.length; at++) {
        for (const value of [0, 1, 3, 0x7f, 0xff]) {
          const damaged = Buffer.from(payload);
          damaged[at] = value;
          readOrRefuse(read, damaged);
        }
      }
    });
  }
}

function readOrRefuse(read: (payload: Buffer) => unknown, payload: Buffer): void {
  try {
    read(payload);
  } catch (error) {
    if (!isKernelError(error, 'EBADMSG')) throw error;
  }
}
