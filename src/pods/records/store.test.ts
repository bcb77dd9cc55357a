import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import type { EndpointId, LocalEndpoint } from '../../model/endpoint.ts';
import { parseAddress } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { parseMac } from '../../net/mac.ts';
import { type EndpointReservation, hostIfNameOf, isComplete } from './record.ts';
import { EndpointStore } from './store.ts';

const root = mkdtempSync(path.join(tmpdir(), 'heddle-endpoint-store-'));
after(() => rmSync(root, { recursive: true }));

function freshDirectory(): string {
  return path.join(mkdtempSync(path.join(root, 'state-')), 'endpoints');
}

function reservation(number: number): EndpointReservation {
  const attachment = { containerId: `container-${number}`, ifName: 'eth0' };
  return {
    ...attachment,
    id: endpointId(number),
    namespacePath: `/var/run/netns/cni-${number}`,
    hostIfName: hostIfNameOf(attachment),
    mac: parseMac(`02:00:5e:10:00:0${number}`),
    addresses: [parseAddress(`192.0.2.${number}`), parseAddress(`2001:db8::${number}`)],
    mtuBytes: 1500,
    pod: { namespace: 'shop', name: `web-${number}`, uid: `uid-${number}` },
    createdAt: `2026-11-21T12:00:0${number}.000Z`,
  };
}

function endpointId(number: number): EndpointId {
  return number as EndpointId;
}

function endpoint(number: number): LocalEndpoint {
  return { ...reservation(number), hostIfIndex: (100 + number) as IfIndex };
}

test('a record is read back as saved, complete or not', async () => {
  const directory = freshDirectory();
  const store = EndpointStore.open(directory, 8);
  store.complete(endpoint(2));
  store.reserve(reservation(1));
  const { pod: _, ...others } = endpoint(3);
  const ingress = { bitsPerSecond: 1e6, burstBits: 8e5 };
  const withoutPod = { ...others, bandwidth: { ingress, egress: { bitsPerSecond: 2e6 } } };
  store.complete(withoutPod);
  const reopened = EndpointStore.open(directory, 8);
  assert.deepEqual(reopened.found, []);
  assert.deepEqual(reopened.list(), [reservation(1), endpoint(2), withoutPod]);
  assert.deepEqual(reopened.list().map(isComplete), [false, true, true]);
});

test('saving again replaces the record', async () => {
  const directory = freshDirectory();
  const store = EndpointStore.open(directory, 8);
  store.reserve(reservation(1));
  store.complete(endpoint(1));
  assert.deepEqual(store.list(), [endpoint(1)]);
  assert.deepEqual(EndpointStore.open(directory, 8).list(), [endpoint(1)]);
  assert.deepEqual(readdirSync(directory), [`${endpoint(1).hostIfName}.json`]);
});

test('a reservation is completed in its own file, whatever happened to that meanwhile', () => {
  const directory = freshDirectory();
  const file = path.join(directory, `${endpoint(1).hostIfName}.json`);
  const store = EndpointStore.open(directory, 8);
  store.reserve(reservation(1));
  const { ino } = statSync(file);
  truncateSync(file, 20);
  store.complete(endpoint(1));
  assert.equal(statSync(file).ino, ino);
  assert.deepEqual(EndpointStore.open(directory, 8).list(), [endpoint(1)]);
});

test('a record too long for one write is replaced as a whole', () => {
  const directory = freshDirectory();
  const long = { namespacePath: `/run/netns/${'n'.repeat(4096)}` };
  const store = EndpointStore.open(directory, 8);
  store.reserve({ ...reservation(1), ...long });
  store.complete({ ...endpoint(1), ...long });
  assert.deepEqual(EndpointStore.open(directory, 8).list(), [{ ...endpoint(1), ...long }]);
  assert.deepEqual(readdirSync(directory), [`${endpoint(1).hostIfName}.json`]);
});

test('the file of a removed record becomes the next one', () => {
  const directory = freshDirectory();
  const spareDirectory = `${directory}.spare`;
  const store = EndpointStore.open(directory, 8, { spareDirectory });
  const inodeOf = (number: number): number =>
    statSync(path.join(directory, `${endpoint(number).hostIfName}.json`)).ino;
  store.complete(endpoint(1));
  store.complete(endpoint(2));
  const inode = inodeOf(1);
  store.remove(endpoint(1).hostIfName);
  store.reserve(reservation(3));
  assert.equal(inodeOf(3), inode);
  store.remove(endpoint(2).hostIfName);
  const reopened = EndpointStore.open(directory, 8, { spareDirectory });
  assert.deepEqual([reopened.list(), reopened.found], [[reservation(3)], []]);
  assert.deepEqual(readdirSync(directory), [`${endpoint(3).hostIfName}.json`]);
});

test('ids and addresses in use are those of the records', async () => {
  const store = EndpointStore.open(freshDirectory(), 3);
  assert.equal(store.freeId(), 1);
  await Promise.all([store.complete(endpoint(1)), store.complete(endpoint(3))]);
  assert.equal(store.freeId(), 2);
  assert.ok(store.addresses().has(parseAddress('2001:db8::3')));
  store.reserve(reservation(2));
  assert.equal(store.freeId(), undefined);
  store.remove(endpoint(1).hostIfName);
  assert.equal(store.freeId(), 1);
  assert.ok(!store.addresses().has(parseAddress('192.0.2.1')));
});

test('a record counts before it is on disk, so that parallel requests do not take the same id or address', () => {
  const store = EndpointStore.open(freshDirectory(), 3);
  const completed = store.complete(endpoint(1));
  assert.equal(store.freeId(), 2);
  assert.ok(store.addresses().has(parseAddress('192.0.2.1')));
  return completed;
});

test('ids in use are restored at a start, and given to no other record', () => {
  const directory = freshDirectory();
  const first = EndpointStore.open(directory, 3);
  first.complete(endpoint(1));
  first.reserve(reservation(2));
  const store = EndpointStore.open(directory, 3);
  assert.throws(
    () => store.reserve({ ...reservation(3), id: endpointId(2) }),
    /number 2 is in use/,
  );
  assert.deepEqual(readdirSync(directory).length, 2);
  assert.equal(store.freeId(), 3);
  store.remove(endpoint(1).hostIfName);
  assert.equal(store.freeId(), 1);
});

test('removing what is not there is fine', async () => {
  const directory = freshDirectory();
  const store = EndpointStore.open(directory, 3);
  store.complete(endpoint(1));
  store.remove(endpoint(1).hostIfName);
  store.remove(endpoint(1).hostIfName);
  assert.deepEqual(EndpointStore.open(directory, 3).list(), []);
});

test('a record that cannot be written does not count', async () => {
  const directory = freshDirectory();
  const store = EndpointStore.open(directory, 3);
  store.reserve(reservation(1));
  rmSync(directory, { recursive: true });
  writeFileSync(directory, '');
  assert.throws(() => store.complete(endpoint(1)), /ENOTDIR/);
  assert.throws(() => store.complete(endpoint(2)), /ENOTDIR/);
  assert.throws(() => store.reserve(reservation(3)), /ENOTDIR/);
  assert.deepEqual(store.list(), [reservation(1)]);
  assert.equal(store.freeId(), 2);
});

test('a removed directory is restored with all records', async () => {
  const directory = freshDirectory();
  const store = EndpointStore.open(directory, 3);
  store.complete(endpoint(1));
  rmSync(directory, { recursive: true });
  store.reserve(reservation(2));
  assert.deepEqual(store.rewriteMissing(), [endpoint(1).hostIfName]);
  assert.deepEqual(store.rewriteMissing(), []);
  assert.deepEqual(EndpointStore.open(directory, 3).list(), [endpoint(1), reservation(2)]);
});

test('an address claimed by two records stays in use when one of them is removed', async () => {
  const directory = freshDirectory();
  const first = EndpointStore.open(directory, 3);
  first.complete(endpoint(1));
  first.complete({ ...endpoint(2), addresses: endpoint(1).addresses, id: endpointId(1) });
  const store = EndpointStore.open(directory, 3);
  store.remove(endpoint(2).hostIfName);
  assert.deepEqual([...store.addresses()], endpoint(1).addresses);
  assert.equal(store.freeId(), 2);
  store.remove(endpoint(1).hostIfName);
  assert.deepEqual([[...store.addresses()], store.freeId()], [[], 1]);
});

test('an unreadable record is left in place and named', async () => {
  const directory = freshDirectory();
  const file = path.join(directory, `${endpoint(1).hostIfName}.json`);
  mkdirSync(file, { recursive: true });
  const store = EndpointStore.open(directory, 3, {
    recover: () => endpoint(1),
  });
  assert.deepEqual(store.list(), [endpoint(1)]);
  assert.match(store.found.join(), /is not a file; left in place, rebuilt from the kernel's state/);
  assert.ok(existsSync(file));
});

test('something other than a file in place of a record, or of the directory, does not delay the start', () => {
  const directory = freshDirectory();
  EndpointStore.open(directory, 3).complete(endpoint(2));
  execFileSync('mkfifo', [path.join(directory, `${endpoint(1).hostIfName}.json`)]);
  mkdirSync(path.join(directory, 'x.json.tmp', 'folder'), { recursive: true });
  const store = EndpointStore.open(directory, 3);
  assert.deepEqual(store.list(), [endpoint(2)]);
  assert.match(store.found.join(), /is not a file; left in place/);
  assert.ok(!existsSync(path.join(directory, 'x.json.tmp')));
  const file = freshDirectory();
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, '');
  assert.throws(() => EndpointStore.open(file, 3), {
    name: 'InputError',
    message: `stateDir: ${file} is not a folder`,
  });
});

test('in a restored backup, an address that one record gives up stays with the other', () => {
  const store = EndpointStore.open(freshDirectory(), 3);
  store.restore(endpoint(1));
  store.restore({ ...endpoint(2), id: endpointId(1), addresses: endpoint(1).addresses });
  store.remove(endpoint(2).hostIfName);
  assert.deepEqual([...store.addresses()], endpoint(1).addresses);
  assert.equal(store.freeId(), 2);
});

test('a temporary file left by a crash is not a record', async () => {
  const directory = freshDirectory();
  EndpointStore.open(directory, 3).complete(endpoint(1));
  const temporary = path.join(directory, `${endpoint(2).hostIfName}.json.tmp`);
  writeFileSync(temporary, '{"format":1,"id":2');
  const store = EndpointStore.open(directory, 3);
  assert.deepEqual([store.list(), store.found], [[endpoint(1)], []]);
  assert.ok(!existsSync(temporary));
});

const good = JSON.stringify({ format: 1, ...endpoint(1) });
const corrupt: readonly [string, string, RegExp][] = [
  ['an empty file', '', /JSON/],
  ['a file cut off', good.slice(0, 100), /JSON/],
  ['an array', '[]', /record: /],
  ['an id of 0', good.replace('"id":1', '"id":0'), /: id: /],
  ['an address that is none', good.replace('192.0.2.1', '192.0.2.999'), /192.0.2.999/],
  ['a MAC that is none', good.replace('02:00', '02:zz'), /02:zz/],
  ['no address', good.replace(/\["192[^\]]*\]/, '[]'), /addresses: /],
  ['a format of the future', good.replace('"format":1', '"format":2'), /format: /],
  ['the record of another', good.replace(/"hostIfName":"[^"]*"/, '"hostIfName":"hd1"'), /of hd1/],
];

for (const [name, text, reason] of corrupt) {
  test(`${name} is set aside and reported, and the others are read`, async () => {
    const directory = freshDirectory();
    EndpointStore.open(directory, 3).complete(endpoint(2));
    const file = path.join(directory, `${endpoint(1).hostIfName}.json`);
    writeFileSync(file, text);
    const store = EndpointStore.open(directory, 3);
    assert.deepEqual(store.list(), [endpoint(2)]);
    assert.equal(store.found.length, 1);
    assert.match(store.found[0] ?? '', reason);
    assert.ok(store.found[0]?.includes(file));
    assert.equal(readFileSync(`${file}.corrupt`, 'utf8'), text);
    assert.deepEqual(EndpointStore.open(directory, 3).found, []);
  });
}

test('the interface name fits the kernel, is deterministic and differs by interface', () => {
  const attachment = { containerId: 'c'.repeat(255), ifName: 'eth0' };
  assert.match(hostIfNameOf(attachment), /^hd[0-9a-f]{11}$/);
  assert.equal(hostIfNameOf(attachment), hostIfNameOf({ ...attachment }));
  assert.notEqual(hostIfNameOf(attachment), hostIfNameOf({ ...attachment, ifName: 'eth1' }));
});
