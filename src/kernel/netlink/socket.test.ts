import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  acknowledgement,
  done,
  FakeTransport,
  message,
  type NetlinkAnswer,
} from '../../../test/support/fake-netlink.ts';
import { KernelError } from '../errno.ts';
import { batch, batchAside, throwFirst } from './batch.ts';
import type { Message } from './protocol/message.ts';
import type { Query, Request } from './protocol/request.ts';
import { NetlinkSocket } from './socket.ts';

const request = (subject: string): Request => ({
  call: 'thing add',
  subject,
  type: 16,
  flags: 0x600,
  write: (writer) => writer.u32(42),
});
const query: Query = {
  call: 'thing list',
  subject: 'all',
  type: 18,
  write: (writer) => writer.u32(0),
};

const yes = (requests: readonly Message[]): NetlinkAnswer =>
  requests.map((each) => acknowledgement(each));
const thing = (sequence: number, value: number, flags = 2): Buffer =>
  message({ type: 16, flags, sequence, payload: Uint8Array.of(value) });
const value = (payload: Buffer): number | undefined => payload[0];

test('a request is sent with REQUEST and ACK and returns when it is acknowledged', () => {
  const transport = new FakeTransport(yes);
  NetlinkSocket.over(transport).submit(request('a'));
  assert.equal(
    transport.sent[0]?.toString('hex'),
    '14000000' + '1000' + '0506' + '01000000' + '00000000' + '2a000000',
  );
});

test('an error is thrown with the operation, the code and the kernel’s text', () => {
  const transport = new FakeTransport((requests) =>
    requests.map((each) => acknowledgement(each, 17, 'It is there')),
  );
  assert.throws(() => NetlinkSocket.over(transport).submit(request('a')), {
    name: 'KernelError',
    message: 'thing add a: EEXIST (It is there)',
  });
});

test('a batch is one send, and only a failed request in the middle is reported', () => {
  const transport = new FakeTransport((requests) =>
    requests.map((each) => acknowledgement(each, each.sequence === 2 ? 19 : 0)),
  );
  const socket = NetlinkSocket.over(transport);
  const outcomes = batch(socket, (requests) => {
    for (const subject of ['a', 'b', 'c']) requests.submit(request(subject));
  });
  assert.equal(transport.sent.length, 1);
  assert.deepEqual(
    outcomes.map((failure) => failure?.message),
    [undefined, 'thing add b: ENODEV', undefined],
  );
  assert.throws(() => throwFirst(outcomes), { subject: 'b' });
});

test('answers count in any order and any datagrams', () => {
  const transport = new FakeTransport((requests) => {
    const [first, second, third] = requests.map((each) =>
      acknowledgement(each, each.sequence === 3 ? 2 : 0),
    );
    assert.ok(first && second && third);
    return [Buffer.concat([third, first]), second];
  });
  const outcomes = NetlinkSocket.over(transport).submitAll(['a', 'b', 'c'].map(request));
  assert.deepEqual(
    outcomes.map((failure) => failure?.code),
    [undefined, undefined, 'ENOENT'],
  );
});

test('a large batch is sent in pieces, so that its answers fit into the receive buffer', () => {
  const transport = new FakeTransport(yes);
  const requests = Array.from({ length: 200 }, (_, index) => request(String(index)));
  const outcomes = NetlinkSocket.over(transport).submitAll(requests);
  assert.deepEqual(outcomes, new Array(200).fill(undefined));
  assert.deepEqual(
    transport.sent.map((bytes) => bytes.length / 20),
    [64, 64, 64, 8],
  );
});

test('an empty batch sends nothing', () => {
  const transport = new FakeTransport(yes);
  assert.deepEqual(
    batch(NetlinkSocket.over(transport), () => undefined),
    [],
  );
  assert.deepEqual(transport.sent, []);
});

test('answers to an earlier failed exchange are ignored', () => {
  const transport = new FakeTransport((requests) =>
    requests.flatMap((each) => [
      acknowledgement({ ...each, sequence: each.sequence - 1 }, 1),
      thing(0, 9),
      acknowledgement(each),
    ]),
  );
  NetlinkSocket.over(transport).submit(request('a'));
});

test('a missing answer is an error, not a wait', () => {
  assert.throws(() => NetlinkSocket.over(new FakeTransport()).submit(request('a')), {
    message: 'thing add a: ENODATA (the kernel has not answered)',
  });
});

test('lost answers are reported as ENOBUFS', () => {
  const lost = new KernelError({ call: 'recv', subject: 'netlink', code: 'ENOBUFS' });
  const transport = new FakeTransport(() => [lost]);
  assert.throws(() => NetlinkSocket.over(transport).submit(request('a')), { code: 'ENOBUFS' });
});

test('a dump collects all datagrams up to its end', () => {
  const transport = new FakeTransport(([asked]) => {
    const sequence = asked?.sequence ?? 0;
    return [
      Buffer.concat([thing(sequence, 1), thing(sequence, 2)]),
      thing(sequence, 3),
      done(sequence),
    ];
  });
  const socket = NetlinkSocket.over(transport);
  assert.deepEqual(socket.dump(query, value), [1, 2, 3]);
  assert.deepEqual(
    socket.dump(query, (payload) => (payload[0] === 2 ? undefined : payload[0])),
    [1, 3],
  );
  assert.equal(transport.sent[0]?.readUInt16LE(6), 0x301);
});

test('a list that changed while it was read is read again', () => {
  let attempt = 0;
  const transport = new FakeTransport(([asked]) => {
    const sequence = asked?.sequence ?? 0;
    attempt++;
    // The mark may be on any message of the dump, including its end.
    if (attempt === 1) return [thing(sequence, 1, 0x12), done(sequence)];
    if (attempt === 2) return [thing(sequence, 1), done(sequence, { flags: 0x12 })];
    return [thing(sequence, 7), done(sequence)];
  });
  assert.deepEqual(NetlinkSocket.over(transport).dump(query, value), [7]);
  assert.equal(transport.sent.length, 3);
});

test('a list that changes during every attempt is abandoned', () => {
  const transport = new FakeTransport(([asked]) => [
    thing(asked?.sequence ?? 0, 1, 0x12),
    done(asked?.sequence ?? 0),
  ]);
  assert.throws(() => NetlinkSocket.over(transport).dump(query, value), {
    message: 'thing list all: EAGAIN (it changed during each of 10 attempts)',
  });
});

test('a dump that is refused, immediately or at its end, is an error', () => {
  const atOnce = new FakeTransport((requests) =>
    requests.map((each) => acknowledgement(each, 22, 'Invalid header')),
  );
  assert.throws(() => NetlinkSocket.over(atOnce).dump(query, value), {
    message: 'thing list all: EINVAL (Invalid header)',
  });
  const atEnd = new FakeTransport(([asked]) => [
    thing(asked?.sequence ?? 0, 1),
    done(asked?.sequence ?? 0, { errno: 12 }),
  ]);
  assert.throws(() => NetlinkSocket.over(atEnd).dump(query, value), { code: 'ENOMEM' });
});

test('an interrupted dump leaves nothing behind for the next', () => {
  const transport = new FakeTransport(([asked]) => {
    const sequence = asked?.sequence ?? 0;
    return [thing(sequence, 1), thing(sequence, 2), done(sequence)];
  });
  const socket = NetlinkSocket.over(transport);
  const breaking = (): number => {
    throw new Error('unreadable');
  };
  assert.throws(() => socket.dump(query, breaking), { message: 'unreadable' });
  assert.equal(transport.receive(Buffer.alloc(64)), undefined);
  assert.deepEqual(socket.dump(query, value), [1, 2]);
});

test('a query has one answer, or an error', () => {
  const transport = new FakeTransport(([asked]) => [
    thing(0, 9),
    thing(asked?.sequence ?? 0, 5, 0),
  ]);
  assert.equal(NetlinkSocket.over(transport).get(query, value), 5);
  assert.equal(transport.sent[0]?.readUInt16LE(6), 0x1);
  const refusing = new FakeTransport((requests) =>
    requests.map((each) => acknowledgement(each, 19)),
  );
  assert.throws(() => NetlinkSocket.over(refusing).get(query, value), { code: 'ENODEV' });
});

test('a request on a worker is sent and answered like any other', async () => {
  const transport = new FakeTransport((requests) =>
    requests.map((each) => acknowledgement(each, each.sequence === 2 ? 17 : 0)),
  );
  const socket = NetlinkSocket.over(transport);
  const outcomes = await batchAside(socket, (requests) => {
    for (const subject of ['a', 'b', 'c']) requests.submit(request(subject));
  });
  assert.deepEqual(
    outcomes.map((failure) => failure?.code),
    [undefined, 'EEXIST', undefined],
  );
  assert.equal(transport.sent.length, 1);
  await assert.rejects(NetlinkSocket.over(new FakeTransport()).getAside(query, value), {
    code: 'ENODATA',
  });
  const answering = new FakeTransport(([asked]) => [thing(asked?.sequence ?? 0, 5, 0)]);
  assert.equal(await NetlinkSocket.over(answering).getAside(query, value), 5);
});

test('an asynchronous request has its own socket, which is closed afterwards', async () => {
  const transport = new FakeTransport((requests) =>
    requests.map((each) => acknowledgement(each, 19)),
  );
  const socket = NetlinkSocket.over(transport);
  await assert.rejects(socket.submitAsync(request('a')), { code: 'ENODEV', subject: 'a' });
  assert.deepEqual(transport.sent, []);
  assert.deepEqual(
    transport.siblings.map(({ disposals }) => disposals),
    [1],
  );
});

test('a list in pieces stays separate from what others receive meanwhile', async () => {
  const lists = [1, 2].map(
    (first) =>
      new FakeTransport(([each]) => {
        assert.ok(each);
        const things = [first, first + 10].map((number) => thing(each.sequence, number));
        return [...things, done(each.sequence)];
      }),
  );
  const [socket, other] = lists.map((transport) => NetlinkSocket.over(transport));
  assert.ok(socket && other);
  const pieces: (readonly number[])[] = [];
  for await (const piece of socket.dumpInPieces(query, value)) {
    pieces.push(piece);
    assert.deepEqual(other.dump(query, value), [2, 12]);
  }
  assert.deepEqual(pieces, [[1], [11], []]);
});
