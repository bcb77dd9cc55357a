// Notifications that must not wake the agent: its own pods that are added and changed. Others pass.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { hostFilter } from '../../src/agent/host/filter.ts';
import { delLink, linkByName, setLink } from '../../src/kernel/netlink/link.ts';
import { type Notification, subscribe } from '../../src/kernel/netlink/notifications.ts';
import { replaceRoute } from '../../src/kernel/netlink/route.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { addVeth } from '../../src/kernel/netlink/veth.ts';
import { ownMacs, routeProtocol } from '../../src/model/ids.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { type Mac, parseMac } from '../../src/net/mac.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { gatewayMac } from '../../src/pods/interface/gateway.ts';
import { doomedName, isEndpointName } from '../../src/pods/interface/names.ts';
import { runIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const last = 'last0';

/** All notifications up to the creation of `last`. */
async function heard(notifications: AsyncIterable<Notification>): Promise<readonly string[]> {
  const seen: string[] = [];
  for await (const notification of notifications) {
    const isLink = notification.kind === 'link';
    if (isLink && notification.link.name === last) return seen;
    if (isLink) seen.push(`${notification.action} ${notification.link.name}`);
    if (notification.kind === 'setting') {
      const { family, ifIndex, forwarding } = notification.setting;
      seen.push(`IPv${family} index ${ifIndex} forwarding ${forwarding}`);
    }
    if (notification.kind === 'hook') {
      const { hook } = notification;
      seen.push(`hook of ${hook.at} ${hook.at === 'block' ? hook.block : hook.ifIndex}`);
    }
    if (notification.kind === 'route') seen.push(`route ${notification.route.destination}`);
  }
  return assert.fail('the notifications ended');
}

const otherMac = parseMac('02:00:5e:10:00:01');
const likeOurs = parseMac('02:68:65:64:64:6d');

const ofPods: readonly string[] = [
  'hd0123456789a',
  'hdabcdefabcde',
  'hdx1',
  'hdx1234567890',
  doomedName(77 as IfIndex),
];

const links: readonly (readonly [name: string, mac: Mac, isHeard: boolean])[] = [
  ...ofPods.map((name) => [name, gatewayMac, false] as const),
  // A foreign interface may have such a name.
  ...ofPods.map((name) => [name, otherMac, true] as const),
  ['hd0123456789a', likeOurs, true],
  ['hdq0123456789a', ownMacs.queue, true],
  // A pod's interface that an administrator renamed.
  ['renamed0', gatewayMac, true],
  ['xd0123456789a', gatewayMac, true],
  ['heddle_vxlan', gatewayMac, true],
  ['hdmi0', otherMac, true],
  // The agent never assigns this name; `watchHost` is notified when it is deleted.
  ['hd0123456789ab', gatewayMac, false],
];

rootTest("pods' links are heard of when they end, others always", async (context) => {
  const namespace = testNamespace(context);
  using socket = NetlinkSocket.open({ namespace });
  assert.ok(ofPods.every(isEndpointName));
  for (const [name, mac, isHeard] of links) {
    using subscription = subscribe({ kinds: ['link'], namespace, filter: hostFilter });
    addVeth(socket, { name, mac, peer: { name: 'other0' } });
    const ifIndex = linkByName(socket, name)?.ifIndex ?? assert.fail();
    setLink(socket, { ifIndex, up: true });
    delLink(socket, ifIndex);
    addVeth(socket, { name: last, peer: { name: 'other1' } });
    const seen = new Set((await heard(subscription)).filter((text) => text.endsWith(` ${name}`)));
    const expected = isHeard ? [`new ${name}`, `del ${name}`] : [`del ${name}`];
    assert.deepEqual([...seen], expected, `${name} ${mac}`);
    delLink(socket, linkByName(socket, last)?.ifIndex ?? assert.fail());
  }
});

rootTest("a pod's link that gets another name is heard of", async (context) => {
  const namespace = testNamespace(context);
  using socket = NetlinkSocket.open({ namespace });
  const [name = ''] = ofPods;
  addVeth(socket, { name, mac: gatewayMac, peer: { name: 'other0' } });
  const ifIndex = linkByName(socket, name)?.ifIndex ?? assert.fail();
  using subscription = subscribe({ kinds: ['link'], namespace, filter: hostFilter });
  setLink(socket, { ifIndex, name: 'renamed0' });
  setLink(socket, { ifIndex, name });
  addVeth(socket, { name: last, peer: { name: 'other1' } });
  const seen = (await heard(subscription)).filter((text) => !text.includes('other'));
  assert.deepEqual(seen, ['new renamed0']);
});

rootTest('for routes, default routes of other programs pass', async (context) => {
  const namespace = testNamespace(context);
  using socket = NetlinkSocket.open({ namespace });
  addVeth(socket, { name: 'veth0', ifIndex: 7 as IfIndex, up: true, peer: { name: 'other0' } });
  using subscription = subscribe({ kinds: ['link', 'route'], namespace, filter: hostFilter });
  const common = { ifIndex: 7 as IfIndex, type: 'unicast', table: 254 } as const;
  for (const [destination, protocol, metric] of [
    ['0.0.0.0/0', 3, 1],
    ['0.0.0.0/0', routeProtocol, 2],
    ['::/0', 3, 1],
    ['198.51.100.0/24', 3, 1],
    ['198.51.100.1/32', routeProtocol, 1],
    ['2001:db8::1/128', routeProtocol, 1],
  ] as const) {
    replaceRoute(socket, { ...common, destination: parsePrefix(destination), protocol, metric });
  }
  addVeth(socket, { name: last, peer: { name: 'other1' } });
  const routes = (await heard(subscription)).filter((text) => text.startsWith('route '));
  assert.deepEqual(routes, ['route 0.0.0.0/0', 'route ::/0']);
});

rootTest('for queues and filters, removals pass', async (context) => {
  const namespace = testNamespace(context);
  using socket = NetlinkSocket.open({ namespace });
  addVeth(socket, { name: 'veth0', ifIndex: 7 as IfIndex, up: true, peer: { name: 'other0' } });
  const tc = (line: string, ...words: string[]): string =>
    runIn(namespace, 'tc', ...line.split(' '), ...words);
  using subscription = subscribe({ kinds: ['link', 'hook'], namespace, filter: hostFilter });
  tc('qdisc add dev veth0 ingress_block 77 clsact');
  tc('filter add block 77 prio 1 handle 1 bpf da bytecode', '1,6 0 0 0');
  addVeth(socket, { name: last, peer: { name: 'other1' } });
  const made = (await heard(subscription)).filter((text) => text.startsWith('hook '));
  assert.deepEqual(made, []);
  delLink(socket, linkByName(socket, last)?.ifIndex ?? assert.fail());
  using next = subscribe({ kinds: ['link', 'hook'], namespace, filter: hostFilter });
  tc('filter del block 77');
  tc('qdisc del dev veth0 clsact');
  addVeth(socket, { name: last, peer: { name: 'other1' } });
  const seen = (await heard(next)).filter((text) => text.startsWith('hook '));
  assert.deepEqual([...new Set(seen)], ['hook of block 77', 'hook of link 7']);
});

rootTest('for settings, switching off forwarding passes', async (context) => {
  const namespace = testNamespace(context);
  using socket = NetlinkSocket.open({ namespace });
  const set = (name: string, value: number): void =>
    namespace.run(() => fs.writeFileSync(`/proc/sys/net/${name}`, String(value)));
  set('ipv4/ip_forward', 1);
  set('ipv6/conf/all/forwarding', 1);
  using subscription = subscribe({ kinds: ['link', 'setting'], namespace, filter: hostFilter });
  addVeth(socket, { name: 'hd0123456789a', ifIndex: 7 as IfIndex, peer: { name: 'hdx1' } });
  for (const value of [0, 1]) set('ipv4/conf/hd0123456789a/forwarding', value);
  for (const value of [1, 2]) set('ipv4/conf/hd0123456789a/rp_filter', value);
  set('ipv6/conf/hd0123456789a/forwarding', 0);
  set('ipv4/conf/default/forwarding', 0);
  addVeth(socket, { name: last, peer: { name: 'other1' } });
  const seen = (await heard(subscription)).filter((text) => text.startsWith('IPv'));
  assert.deepEqual(seen, [
    'IPv4 index 7 forwarding false',
    'IPv6 index 7 forwarding false',
    'IPv4 index -2 forwarding false',
  ]);
});
