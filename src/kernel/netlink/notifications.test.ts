import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capturedPayload } from '../../../test/support/captured-netlink.ts';
import { FakeTransport, message } from '../../../test/support/fake-netlink.ts';
import { KernelError } from '../errno.ts';
import { type Notification, Subscription } from './notifications.ts';

const newLink = message({ type: 16, payload: capturedPayload('veth') });
const delLink = message({ type: 17, payload: capturedPayload('veth') });
const tooLong = new KernelError({ call: 'recv', subject: 'netlink', code: 'EMSGSIZE' });
const lost = new KernelError({ call: 'recv', subject: 'netlink', code: 'ENOBUFS' });

function describe(notification: Notification): string {
  switch (notification.kind) {
    case 'link':
      return `link ${notification.action} ${notification.link.name}`;
    case 'address':
      return `address ${notification.action} ${notification.address.address}`;
    case 'route':
      return `route ${notification.action} ${notification.route.destination}`;
    case 'neighbour':
      return `neighbour ${notification.action} ${notification.neighbour.address}`;
    case 'hook':
      return `hook ${notification.action}`;
    case 'setting': {
      const { family, ifIndex, forwarding } = notification.setting;
      return `setting ${notification.action} IPv${family} index ${ifIndex} forwarding ${forwarding}`;
    }
    case 'overrun':
      return 'overrun';
  }
}

/** The first `count` notifications as text. */
async function take(subscription: Subscription, count: number): Promise<string[]> {
  const taken: string[] = [];
  for await (const notification of subscription) {
    taken.push(describe(notification));
    if (taken.length === count) break;
  }
  return taken;
}

test('each message becomes a notification, in the order of the datagrams', async () => {
  const transport = new FakeTransport();
  transport.push(
    Buffer.concat([newLink, message({ type: 20, payload: capturedPayload('address4') })]),
    message({ type: 25, payload: capturedPayload('routeUnreachable6') }),
    message({ type: 28, payload: capturedPayload('neighbour6') }),
    delLink,
  );
  assert.deepEqual(await take(new Subscription(transport), 5), [
    'link new veth0',
    'address new 192.0.2.1',
    'route del 2001:db8:3::/48',
    'neighbour new 2001:db8::7',
    'link del veth0',
  ]);
  assert.equal(transport.disposals, 1);
});

test('an overrun is reported where it happened, and reading continues', async () => {
  const transport = new FakeTransport();
  transport.push(newLink, lost, delLink);
  assert.deepEqual(await take(new Subscription(transport), 3), [
    'link new veth0',
    'overrun',
    'link del veth0',
  ]);
});

test('a datagram that is too long or malformed is an overrun, and reading continues', async () => {
  const transport = new FakeTransport();
  transport.push(tooLong, newLink, Buffer.alloc(15), message({ type: 28 }), delLink);
  assert.deepEqual(await take(new Subscription(transport), 5), [
    ...['overrun', 'link new veth0', 'overrun', 'overrun', 'link del veth0'],
  ]);
});

test('a bridge’s own messages about its ports are not link notifications', async () => {
  const ofBridge = Buffer.from(capturedPayload('veth'));
  ofBridge[0] = 7;
  const transport = new FakeTransport();
  transport.push(message({ type: 17, payload: ofBridge }), newLink);
  assert.deepEqual(await take(new Subscription(transport), 1), ['link new veth0']);
});

test('messages of other kinds are ignored', async () => {
  const transport = new FakeTransport();
  transport.push(message({ type: 80, payload: Buffer.alloc(16) }), newLink);
  assert.deepEqual(await take(new Subscription(transport), 1), ['link new veth0']);
});

test('forwarding of an interface and of all interfaces is reported, nothing of other families', async () => {
  const transport = new FakeTransport();
  const setting = (family: number, ...values: readonly (readonly [number, number])[]): Buffer => {
    const payload = Buffer.alloc(4 + 8 * values.length);
    payload.writeUInt8(family);
    for (const [index, [type, value]] of values.entries()) {
      payload.writeUInt16LE(8, 4 + 8 * index);
      payload.writeUInt16LE(type, 6 + 8 * index);
      payload.writeInt32LE(value, 8 + 8 * index);
    }
    return payload;
  };
  transport.push(
    message({ type: 80, payload: setting(2, [1, 7], [2, 0]) }),
    message({ type: 80, payload: setting(28, [1, 7], [2, 0]) }),
    message({ type: 80, payload: setting(10, [1, -1], [2, 1]) }),
    message({ type: 81, payload: setting(2, [1, 7]) }),
  );
  assert.deepEqual(await take(new Subscription(transport), 3), [
    'setting new IPv4 index 7 forwarding false',
    'setting new IPv6 index -1 forwarding true',
    'setting del IPv4 index 7 forwarding undefined',
  ]);
});

test('a reader waits for later notifications', async () => {
  const transport = new FakeTransport();
  setTimeout(() => transport.push(newLink), 5);
  assert.deepEqual(await take(new Subscription(transport), 1), ['link new veth0']);
});

test('other errors end the iteration and close the socket', async () => {
  const transport = new FakeTransport();
  transport.push(new KernelError({ call: 'recv', subject: 'netlink', code: 'EBADF' }));
  await assert.rejects(take(new Subscription(transport), 1), { code: 'EBADF' });
  assert.equal(transport.disposals, 1);
});

test('an abort ends the iteration, even before it begins', async () => {
  const before = new FakeTransport();
  assert.deepEqual(await take(new Subscription(before, AbortSignal.abort()), 1), []);
  assert.equal(before.disposals, 1);

  const abort = new AbortController();
  const during = new FakeTransport();
  const reading = take(new Subscription(during, abort.signal), 1);
  setTimeout(() => abort.abort(), 5);
  assert.deepEqual(await reading, []);
  assert.equal(during.disposals, 1);
});

test('disposing twice closes once', () => {
  const transport = new FakeTransport();
  const subscription = new Subscription(transport);
  subscription[Symbol.dispose]();
  subscription[Symbol.dispose]();
  assert.equal(transport.disposals, 1);
});
