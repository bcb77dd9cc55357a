import assert from 'node:assert/strict';
import fs from 'node:fs';
import type { TestContext } from 'node:test';
import type { KernelError } from '../../src/kernel/errno.ts';
import { addBridge } from '../../src/kernel/netlink/bridge.ts';
import {
  delLink,
  delLinkAsync,
  linkByIndex,
  linkByName,
  listLinks,
  setLink,
} from '../../src/kernel/netlink/link.ts';
import type { Link } from '../../src/kernel/netlink/link-record.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { addVeth, makeVeth, makeVethAside } from '../../src/kernel/netlink/veth.ts';
import { addVxlan } from '../../src/kernel/netlink/vxlan.ts';
import { parseAddress } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { parseMac } from '../../src/net/mac.ts';
import { parsePort } from '../../src/net/port.ts';
import { runIn, spawnIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const near = parseMac('02:00:5e:10:00:01');
const far = parseMac('02:00:5e:10:00:02');

function fresh(context: TestContext): NetlinkSocket {
  const socket = NetlinkSocket.open({ namespace: testNamespace(context) });
  context.after(() => socket[Symbol.dispose]());
  return socket;
}

function named(socket: NetlinkSocket, name: string): Link {
  const link = linkByName(socket, name);
  assert.ok(link, `${name} is there`);
  return link;
}

rootTest(
  'a created veth is returned as it is listed, and an existing name is refused',
  async (context) => {
    const here = testNamespace(context);
    const there = testNamespace(context);
    using socket = NetlinkSocket.open({ namespace: here });
    using peerSocket = NetlinkSocket.open({ namespace: there });
    const options = {
      name: 'veth0',
      mac: near,
      peer: { name: 'eth0', namespace: there, mac: far },
    };
    const made = makeVeth(socket, options);
    assert.deepEqual(made, named(socket, 'veth0'));
    assert.equal(made.peerIfIndex, named(peerSocket, 'eth0').ifIndex);
    assert.throws(() => makeVeth(socket, options), { name: 'KernelError', code: 'EEXIST' });
    await assert.rejects(makeVethAside(socket, options), { name: 'KernelError', code: 'EEXIST' });
    assert.deepEqual(linkByName(socket, 'veth0'), made);
    const other = { ...options, name: 'veth1', peer: { ...options.peer, name: 'eth1' } };
    assert.deepEqual(await makeVethAside(socket, other), named(socket, 'veth1'));
  },
);

rootTest('a veth is created with both ends as requested', (context) => {
  const here = testNamespace(context);
  const there = testNamespace(context);
  using socket = NetlinkSocket.open({ namespace: here });
  using peerSocket = NetlinkSocket.open({ namespace: there });
  addVeth(socket, {
    name: 'veth0',
    ifIndex: 7 as IfIndex,
    mac: near,
    mtuBytes: 1450,
    up: true,
    peer: { name: 'eth0', namespace: there, ifIndex: 9 as IfIndex, mac: far, mtuBytes: 1400 },
  });

  setLink(peerSocket, { ifIndex: 9 as IfIndex, up: true });
  const link = named(socket, 'veth0');
  const { linkNamespaceId, ...rest } = link;
  assert.equal(typeof linkNamespaceId, 'number');
  assert.deepEqual(rest, {
    ifIndex: 7,
    name: 'veth0',
    kind: 'veth',
    mac: near,
    mtuBytes: 1450,
    up: true,
    running: true,
    loopback: false,
    noArp: false,
    peerIfIndex: 9,
    addrGenMode: 'eui64',
  });
  const peer = named(peerSocket, 'eth0');
  assert.deepEqual(
    [peer.ifIndex, peer.mac, peer.mtuBytes, peer.up, peer.peerIfIndex],
    [9, far, 1400, true, 7],
  );
  assert.match(runIn(there, 'ip', '-d', 'link', 'show', 'eth0'), /mtu 1400 .*veth/s);
});

rootTest('a veth within one namespace names no other namespace', (context) => {
  const socket = fresh(context);
  addVeth(socket, { name: 'veth0', peer: { name: 'veth1' } });
  const [one, other] = [named(socket, 'veth0'), named(socket, 'veth1')];
  assert.equal(one.peerIfIndex, other.ifIndex);
  assert.equal('linkNamespaceId' in one, false);
  assert.equal(one.up, false);
  assert.equal(one.running, false);
});

rootTest(
  'an existing name, an invalid name and a missing link are refused with the kernel’s text',
  (context) => {
    const socket = fresh(context);
    addVeth(socket, { name: 'veth0', peer: { name: 'veth1' } });
    assert.throws(() => addVeth(socket, { name: 'veth0', peer: { name: 'veth2' } }), {
      name: 'KernelError',
      code: 'EEXIST',
      call: 'link add',
      subject: 'veth veth0 peer veth2',
    });
    assert.throws(
      () => addVeth(socket, { name: 'a-name-longer-than-15-bytes', peer: { name: 'veth2' } }),
      (error: KernelError) => error.code === 'ERANGE' && (error.detail ?? '').length > 0,
    );
    assert.throws(() => delLink(socket, 4711 as IfIndex), { code: 'ENODEV', call: 'link delete' });
    assert.throws(() => setLink(socket, { ifIndex: 4711 as IfIndex, up: true }), {
      code: 'ENODEV',
    });
    assert.equal(linkByName(socket, 'nowhere'), undefined);
    assert.equal(linkByName(socket, 'a-name-longer-than-15-bytes'), undefined);
    assert.equal(linkByIndex(socket, 4711 as IfIndex), undefined);
  },
);

rootTest('a VXLAN device that collects metadata is read back as one', (context) => {
  const socket = fresh(context);
  addVxlan(socket, {
    name: 'vxlan0',
    collectMetadata: true,
    port: parsePort(4789),
    mac: near,
    mtuBytes: 1430,
    noArp: true,
    up: true,
  });
  const link = named(socket, 'vxlan0');
  assert.deepEqual(link.vxlan, { collectMetadata: true, port: 4789, id: 0 });
  assert.deepEqual(
    [link.kind, link.mac, link.mtuBytes, link.up, link.noArp],
    ['vxlan', near, 1430, true, true],
  );
});

rootTest('a VXLAN device with one remote end is read back as one', (context) => {
  const namespace = testNamespace(context);
  using socket = NetlinkSocket.open({ namespace });
  addVxlan(socket, {
    name: 'vxlan6',
    port: parsePort(4790),
    tunnel: { id: 42, remote: parseAddress('2001:db8::2'), local: parseAddress('2001:db8::1') },
  });
  assert.deepEqual(named(socket, 'vxlan6').vxlan, { collectMetadata: false, port: 4790, id: 42 });
  const shown = runIn(namespace, 'ip', '-d', 'link', 'show', 'vxlan6');
  assert.match(shown, /vxlan id 42 remote 2001:db8::2 local 2001:db8::1 .*dstport 4790 nolearning/);
});

rootTest('a link is renamed, resized, re-addressed, enslaved and freed', (context) => {
  const socket = fresh(context);
  addBridge(socket, { name: 'br0', mac: far, up: true });
  addVeth(socket, { name: 'veth0', peer: { name: 'veth1' } });
  const { ifIndex } = named(socket, 'veth0');
  const bridge = named(socket, 'br0');
  setLink(socket, { ifIndex, name: 'port0', mtuBytes: 1300, mac: near, master: bridge.ifIndex });
  const link = named(socket, 'port0');
  assert.deepEqual(
    [link.ifIndex, link.mtuBytes, link.mac, link.master],
    [ifIndex, 1300, near, bridge.ifIndex],
  );
  assert.deepEqual(
    listLinks(socket, { master: bridge.ifIndex }).map((port) => port.name),
    ['port0'],
  );
  setLink(socket, { ifIndex, master: 'none' });
  assert.equal(linkByIndex(socket, ifIndex)?.master, undefined);
});

rootTest('a link moves to another namespace', (context) => {
  const socket = fresh(context);
  const there = testNamespace(context);
  using thereSocket = NetlinkSocket.open({ namespace: there });
  addVeth(socket, { name: 'veth0', peer: { name: 'veth1' } });
  setLink(socket, { ifIndex: named(socket, 'veth1').ifIndex, namespace: there });
  assert.equal(linkByName(socket, 'veth1'), undefined);
  assert.equal(named(thereSocket, 'veth1').kind, 'veth');
});

rootTest('addrGenMode none set before up leaves a link without an IPv6 address', (context) => {
  const namespace = testNamespace(context);
  using socket = NetlinkSocket.open({ namespace });
  addVeth(socket, { name: 'veth0', peer: { name: 'veth1' } });
  setLink(socket, { ifIndex: named(socket, 'veth1').ifIndex, up: true });
  const { ifIndex } = named(socket, 'veth0');
  setLink(socket, { ifIndex, addrGenMode: 'none' });
  setLink(socket, { ifIndex, up: true });
  assert.equal(named(socket, 'veth0').addrGenMode, 'none');
  assert.equal(runIn(namespace, 'ip', '-6', 'addr', 'show', 'dev', 'veth0'), '');
});

rootTest('links are listed by kind', (context) => {
  const socket = fresh(context);
  addBridge(socket, { name: 'br0' });
  addVeth(socket, { name: 'veth0', peer: { name: 'veth1' } });
  const names = (kind?: string): string[] =>
    listLinks(socket, kind === undefined ? {} : { kind })
      .map((link) => link.name)
      .sort();
  assert.deepEqual(names('veth'), ['veth0', 'veth1']);
  assert.deepEqual(names('bridge'), ['br0']);
  assert.ok(names().includes('lo'));
  assert.equal(named(socket, 'lo').loopback, true);
});

rootTest('five hundred links are listed without loss', (context) => {
  const socket = fresh(context);
  for (let index = 0; index < 250; index++) {
    addVeth(socket, { name: `a${index}`, peer: { name: `b${index}` } });
  }
  const names = new Set(listLinks(socket, { kind: 'veth' }).map((link) => link.name));
  assert.equal(names.size, 500);
});

/** Deletes twenty veths in parallel; returns the longest share of that time in which the event loop was blocked. */
async function standstillWhileDeleting(socket: NetlinkSocket): Promise<number> {
  const indexes = Array.from({ length: 20 }, (_, index) => (1000 + index) as IfIndex);
  for (const ifIndex of indexes) {
    addVeth(socket, { name: `a${ifIndex}`, ifIndex, peer: { name: `b${ifIndex}` } });
  }
  const began = performance.now();
  let last = began;
  let longestMs = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    longestMs = Math.max(longestMs, now - last);
    last = now;
  }, 1);
  try {
    await Promise.all(indexes.map((ifIndex) => delLinkAsync(socket, ifIndex)));
  } finally {
    clearInterval(timer);
  }
  return longestMs / (performance.now() - began);
}

rootTest(
  'twenty veths are deleted concurrently while the event loop continues',
  async (context) => {
    const socket = fresh(context);
    const before = fs.readdirSync('/proc/self/fd').length;
    const shares: number[] = [];
    // On this thread, every deletion would block it completely; a busy machine may delay it now and then.
    for (let round = 0; round < 3; round++) {
      shares.push(await standstillWhileDeleting(socket));
      assert.deepEqual(listLinks(socket, { kind: 'veth' }), []);
    }
    assert.ok(Math.min(...shares) < 0.5, `it stood still for ${shares.join(', ')} of the time`);
    assert.equal(fs.readdirSync('/proc/self/fd').length, before);
  },
);

rootTest('an asynchronous deletion of a missing link rejects', async (context) => {
  const socket = fresh(context);
  await assert.rejects(delLinkAsync(socket, 4711 as IfIndex), {
    code: 'ENODEV',
    subject: 'index 4711',
  });
});

rootTest(
  'a deletion that still waits when its socket is closed does not happen',
  async (context) => {
    const namespace = testNamespace(context);
    using looking = NetlinkSocket.open({ namespace });
    const socket = NetlinkSocket.open({ namespace });
    const indexes = Array.from({ length: 10 }, (_, index) => (1000 + index) as IfIndex);
    for (const ifIndex of indexes) {
      addVeth(socket, { name: `a${ifIndex}`, ifIndex, peer: { name: `b${ifIndex}` } });
    }
    const deletions = indexes.map((ifIndex) => delLinkAsync(socket, ifIndex));
    socket[Symbol.dispose]();
    const results = await Promise.allSettled(deletions);
    const refused = results.filter(({ status }) => status === 'rejected');
    assert.ok(refused.length > 0);
    assert.equal(listLinks(looking, { kind: 'veth' }).length, 2 * refused.length);
  },
);

rootTest(
  'a list is complete although other links are added and deleted while it is read',
  async (context) => {
    const namespace = testNamespace(context);
    using socket = NetlinkSocket.open({ namespace });
    for (let index = 0; index < 100; index++) {
      addVeth(socket, { name: `a${index}`, peer: { name: `b${index}` } });
    }
    const churn = spawnIn(namespace, 'sh', [
      '-c',
      'for i in $(seq 40); do ip link add x$i type bridge; ip link delete x$i; done',
    ]);
    const ended = new Promise((resolve) => churn.on('exit', resolve));
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    for (let round = 0; !isOver; round++) {
      const names = listLinks(socket, { kind: 'veth' }).map((link) => link.name);
      assert.equal(names.length, 200, `round ${round}`);
      assert.equal(new Set(names).size, 200, `round ${round}`);
      await new Promise(setImmediate);
    }
  },
);
