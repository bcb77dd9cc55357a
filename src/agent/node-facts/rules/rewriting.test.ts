import {
  accept,
  ct,
  drop,
  jump,
  match,
  meta,
  payload,
  prefixJson,
  request,
  request6,
  saddr,
  set,
  testWalks,
  tunnel,
} from '../../../../test/support/walked-rules.ts';

const daddr = payload('ip', 'daddr');
const mark = meta('mark');
const raw = (base: string, offset: number, len: number): object => ({
  payload: { base, offset, len },
});
const map = (key: object, data: unknown): object => ({ map: { key, data } });
const limit = { limit: { rate: 1, per: 'second' } };
const toX = match(daddr, '192.0.2.1');

testWalks([
  {
    what: 'a destination is written, and read by the rules behind',
    rules: [[set(daddr, '192.0.2.1')], [match(daddr, '203.0.113.9'), drop], [toX, drop]],
    expected: 'drops by rule 3, ip daddr set 192.0.2.1',
  },
  {
    what: 'a match behind the statement reads what it wrote',
    rules: [[set(daddr, '192.0.2.1'), toX, drop]],
    expected: 'drops by rule 1, ip daddr set 192.0.2.1',
  },
  {
    what: 'what was written stays where a match behind it fails',
    rules: [
      [set(daddr, '192.0.2.1'), match(payload('tcp', 'dport'), 22), accept],
      [toX, drop],
    ],
    expected: 'drops by rule 2, ip daddr set 192.0.2.1',
  },
  {
    what: 'other packets are rewritten',
    rules: [
      [match(saddr, prefixJson('10.0.0.0', 8)), set(daddr, '192.0.2.1')],
      [toX, drop],
    ],
    expected: 'passes',
  },
  {
    what: 'another family is rewritten',
    rules: [[set(payload('ip6', 'daddr'), '2001:db8::7'), drop]],
    expected: 'passes',
  },
  {
    what: 'a source of IPv6',
    rules: [[set(payload('ip6', 'saddr'), '2001:db8::7')]],
    packet: request6,
    expected: 'passes, ip6 saddr set 2001:db8::7',
  },
  {
    what: 'ports',
    rules: [
      [set(payload('tcp', 'dport'), 8080)],
      [set(payload('th', 'sport'), 53)],
      [set(payload('udp', 'dport'), 9)],
      [match(payload('tcp', 'dport'), 8080), match(payload('th', 'sport'), 53), drop],
    ],
    expected: 'drops by rule 4, tcp dport set 8080, th sport set 53',
  },
  {
    what: 'a source from another field',
    rules: [[set(saddr, daddr)], [match(saddr, '203.0.113.9'), drop]],
    expected: 'drops by rule 2, ip saddr set ip daddr',
  },
  {
    what: 'a part of an address',
    rules: [[set(daddr, { '|': [{ '&': [daddr, '255.255.0.0'] }, '0.0.1.2'] })], [toX, drop]],
    expected: 'may drop by rule 2: ip daddr 192.0.2.1 drop, ip daddr set',
  },
  {
    what: 'the value that it has',
    rules: [[set(daddr, '203.0.113.9')]],
    expected: 'passes',
  },
  {
    what: 'one of several',
    rules: [
      [set(daddr, map({ numgen: { mode: 'inc', mod: 2 } }, { set: [[0, '192.0.2.1']] }))],
      [toX, drop],
    ],
    expected: 'may drop by rule 2: ip daddr 192.0.2.1 drop, ip daddr set by a map',
  },
  {
    what: 'a map that has the packet',
    rules: [[set(daddr, map(daddr, { set: [['203.0.113.9', '192.0.2.1']] }))], [toX, drop]],
    expected: 'drops by rule 2, ip daddr set by a map',
  },
  {
    what: 'a map without the key, which ends the rule',
    rules: [[set(daddr, map(daddr, { set: [['203.0.113.8', '192.0.2.1']] })), drop]],
    expected: 'passes',
  },
  {
    what: 'a named map',
    rules: [[set(daddr, map(daddr, '@m'))], [toX, drop]],
    maps: { m: [['203.0.113.9', '192.0.2.1']] },
    expected: 'drops by rule 2, ip daddr set by a map',
  },
  {
    what: 'a map that is not known',
    rules: [[set(daddr, map(daddr, '@m'))], [toX, drop]],
    expected: 'may drop by rule 2: ip daddr 192.0.2.1 drop',
  },
  {
    what: 'within a limit',
    rules: [
      [limit, set(daddr, '192.0.2.1')],
      [toX, drop],
    ],
    expected: 'may drop by rule 2: ip daddr 192.0.2.1 drop',
  },
  {
    what: 'behind a rule that may accept',
    rules: [[limit, accept], [set(daddr, '192.0.2.1')], [match(daddr, '203.0.113.9'), drop]],
    expected: 'may drop by rule 3: ip daddr 203.0.113.9 drop',
  },
  {
    what: 'in a chain',
    rules: [[jump('NAT')], [toX, drop]],
    chains: { NAT: [[set(daddr, '192.0.2.1')]] },
    expected: 'drops by rule 2, ip daddr set 192.0.2.1',
  },
  {
    what: 'in a chain that it may be led to',
    rules: [
      [limit, jump('NAT')],
      [toX, drop],
    ],
    chains: { NAT: [[set(daddr, '192.0.2.1')]] },
    expected: 'may drop by rule 2: ip daddr 192.0.2.1 drop',
  },
  {
    what: 'bits that are a destination',
    rules: [[set(raw('nh', 128, 32), 0xc0000201)], [toX, drop]],
    expected: 'drops by rule 2, @nh,128,32 set 192.0.2.1',
  },
  {
    what: 'bits that are a part of one',
    rules: [[set(raw('nh', 144, 16), 513)], [toX, drop]],
    expected: 'may drop by rule 2: ip daddr 192.0.2.1 drop, @nh,144,16 set',
  },
  {
    what: 'bits that are a part of a source of IPv6',
    rules: [[set(raw('nh', 128, 32), 0xc0000201)]],
    packet: request6,
    expected: 'passes, @nh,128,32 set',
  },
  {
    what: 'bits that are a port',
    rules: [[set(raw('th', 16, 16), 8080)], [match(payload('tcp', 'dport'), 8080), drop]],
    expected: 'drops by rule 2, @th,16,16 set 8080',
  },
  {
    what: 'bits of a transport header that a later fragment has not',
    rules: [[set(raw('th', 16, 16), 8080), drop]],
    packet: { ...tunnel, isLaterFragment: true },
    expected: 'passes',
  },
  {
    what: 'bits that are not an address',
    rules: [[set(raw('nh', 8, 8), 4)]],
    expected: 'passes',
  },
  {
    what: 'the MAC address that it is for',
    rules: [[set(payload('ether', 'daddr'), '02:00:00:00:00:01')]],
    expected: 'passes, ether daddr set 02:00:00:00:00:01',
  },
  {
    what: 'bits that are a MAC address',
    rules: [[set(raw('ll', 0, 48), 2199023255553)]],
    expected: 'passes, @ll,0,48 set 02:00:00:00:00:01',
  },
  {
    what: 'how a packet is treated',
    rules: [
      [set(payload('ip', 'dscp'), 'cs1')],
      [set(payload('ip', 'ttl'), 64)],
      [set({ 'tcp option': { name: 'maxseg', field: 'size' } }, 1200)],
      [set(meta('priority'), 1)],
    ],
    expected: 'passes',
  },
  {
    what: 'its last hop',
    rules: [[set(payload('ip', 'ttl'), 1)], [match(payload('ip', 'ttl'), 1), drop]],
    expected: 'drops by rule 2, ip ttl set 1',
  },
  {
    what: 'a packet that is said to be for another host',
    rules: [[set(meta('pkttype'), 'other')]],
    expected: 'drops by rule 1',
  },
  {
    what: 'a mark that a rule behind accepts',
    rules: [[set(mark, 5)], [match({ '&': [mark, 1] }, 1), accept]],
    policy: 'drop',
    expected: 'passes',
  },
  {
    what: 'a bit of a mark that a rule behind drops',
    rules: [[set(mark, { '|': [mark, 0x80000000] })], [match(mark, 0x80000000), drop]],
    expected: 'drops by rule 2',
  },
  {
    what: 'a mark that is kept for the connection',
    rules: [
      [set(mark, 5)],
      [set(ct('mark'), mark)],
      [set(mark, 0)],
      [match(ct('mark'), 5), match(mark, 0), drop],
    ],
    expected: 'drops by rule 4',
  },
  {
    what: 'a mark that depends on an unknown value',
    rules: [[set(mark, payload('ip', 'dscp'))], [match(mark, 5), drop]],
    expected: 'may drop by rule 2: meta mark 5 drop',
  },
  {
    what: 'a route after its destination was written',
    rules: [[set(daddr, '192.0.2.1')], [match(meta('oifname'), 'eth0'), drop]],
    expected: 'may drop by rule 2: oifname eth0 drop, ip daddr set 192.0.2.1',
  },
  {
    what: 'a protocol that is written',
    rules: [[set(payload('ip', 'protocol'), 'udp')]],
    packet: request,
    expected: 'passes, ip protocol set udp',
  },
]);
