import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  acknowledgement,
  attribute,
  done,
  message,
} from '../../../../test/support/fake-netlink.ts';
import { readAcknowledgement, readDone } from './acknowledgement.ts';
import { type Message, splitMessages } from './message.ts';

const request: Message = { type: 24, flags: 5, sequence: 3, payload: Buffer.alloc(12) };

function only(datagram: Buffer): Message {
  const [first, ...others] = splitMessages(datagram);
  assert.ok(first);
  assert.deepEqual(others, []);
  return first;
}

/** `extack`: the attributes after the echoed request. */
function refusal(extack: Buffer, { echoed = Buffer.alloc(0), flags = 0x300 } = {}): Message {
  const payload = Buffer.concat([Buffer.alloc(20), echoed, extack]);
  payload.writeInt32LE(-22, 0);
  payload.writeUInt32LE(16 + echoed.length, 4);
  return only(message({ type: 2, flags, sequence: 3, payload }));
}

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

test('errno 0 means success, even with a warning', () => {
  assert.deepEqual(readAcknowledgement(only(acknowledgement(request))), { errno: 0 });
  assert.deepEqual(readAcknowledgement(only(acknowledgement(request, 0, 'only a warning'))), {
    errno: 0,
  });
});

test('an error has its errno, and the kernel’s text if there is one', () => {
  assert.deepEqual(readAcknowledgement(only(acknowledgement(request, 101))), { errno: 101 });
  assert.deepEqual(
    readAcknowledgement(only(acknowledgement(request, 101, 'Nexthop has invalid gateway'))),
    {
      errno: 101,
      detail: 'Nexthop has invalid gateway',
    },
  );
});

test('without a text the missing or invalid attribute is reported', () => {
  assert.equal(readAcknowledgement(refusal(attribute(5, u32(3)))).detail, 'attribute 3 is missing');
  assert.equal(
    readAcknowledgement(refusal(attribute(2, u32(36)))).detail,
    'the error is at byte 36 of the request',
  );
  assert.equal(readAcknowledgement(refusal(attribute(3, u32(1)))).detail, undefined);
});

test('a request that is returned completely is skipped, not read as attributes', () => {
  const words = attribute(1, Buffer.from('Invalid prefix\0'));
  const echoed = Buffer.from('ffffffffffffffffffffffff', 'hex');
  assert.equal(
    readAcknowledgement(refusal(words, { echoed, flags: 0x200 })).detail,
    'Invalid prefix',
  );
});

test('a truncated acknowledgement is refused', () => {
  const payload = Buffer.alloc(19);
  assert.throws(() => readAcknowledgement(only(message({ type: 2, payload }))), {
    code: 'EBADMSG',
  });
});

test('a dump ends successfully, or with the errno that ended it', () => {
  assert.deepEqual(readDone(only(done(3))), { errno: 0 });
  assert.deepEqual(readDone(only(done(3, { errno: 12 }))), { errno: 12 });
  assert.deepEqual(readDone(only(message({ type: 3 }))), { errno: 0 });
});
