import {
  accept,
  ct,
  drop,
  match,
  meta,
  payload,
  prefixJson,
  request,
  request6,
  saddr,
  testWalks,
  tunnel,
} from '../../../../test/support/walked-rules.ts';
import type { Packet } from './packet.ts';

const concat = { concat: [saddr, payload('tcp', 'dport')] };
const { sourcePort: _, destinationPort: __, ...portless } = request;
const icmpError: Packet = {
  ...portless,
  protocol: 'icmp',
  icmpType: 'destination-unreachable',
  state: 'related',
};

testWalks([
  {
    what: 'another interface',
    rules: [[match(meta('iifname'), 'docker0'), drop]],
    expected: 'passes',
  },
  {
    what: 'a wildcard of interfaces',
    rules: [[match(meta('iifname'), 'hd*'), accept]],
    policy: 'drop',
    expected: 'passes',
  },
  {
    what: 'any but one interface',
    rules: [[match(meta('oifname'), 'docker0', '!='), drop]],
    expected: 'drops by rule 1',
  },
  {
    what: 'a set of interfaces',
    rules: [[match(meta('oifname'), { set: ['lo', 'eth0'] }), accept]],
    policy: 'drop',
    expected: 'passes',
  },
  {
    what: 'a prefix of sources',
    rules: [[match(saddr, prefixJson('198.51.100.0', 24)), drop]],
    expected: 'drops by rule 1',
  },
  {
    what: 'a range of sources',
    rules: [[match(saddr, { range: ['198.51.100.3', '198.51.100.9'] }), drop]],
    expected: 'passes',
  },
  {
    what: 'an address in a set of prefixes and ranges',
    rules: [
      [
        match(saddr, {
          set: [prefixJson('192.0.2.0', 24), { range: ['198.51.100.1', '198.51.100.2'] }],
        }),
        drop,
      ],
    ],
    expected: 'drops by rule 1',
  },
  {
    what: 'IPv4 addresses do not match IPv6, whatever the operator',
    rules: [[match(saddr, '192.0.2.1', '!='), drop]],
    packet: request6,
    expected: 'passes',
  },
  {
    what: 'a family by its name',
    rules: [[match(meta('nfproto'), 'ipv6'), drop]],
    packet: request6,
    expected: 'drops by rule 1',
  },
  {
    what: 'a protocol by its number',
    rules: [[match(meta('l4proto'), 6), drop]],
    expected: 'drops by rule 1',
  },
  {
    what: 'a port of another protocol',
    rules: [[match(payload('udp', 'dport'), 443), drop]],
    expected: 'passes',
  },
  {
    what: 'a port of whatever protocol',
    rules: [[match(payload('th', 'dport'), { set: [53, { range: [400, 500] }] }), drop]],
    expected: 'drops by rule 1',
  },
  {
    what: 'ports above',
    rules: [[match(payload('tcp', 'dport'), 1024, '>'), accept]],
    policy: 'drop',
    expected: 'drops by policy drop',
  },
  {
    what: 'established only',
    rules: [[match(ct('state'), ['established', 'related'], 'in'), accept]],
    policy: 'drop',
    expected: 'drops by policy drop',
  },
  {
    what: 'invalid packets',
    rules: [[match(ct('state'), 'invalid', 'in'), drop]],
    expected: 'passes',
  },
  {
    what: 'new connections are not those of the tunnel',
    rules: [[match(ct('state'), 'new', 'in'), match(payload('udp', 'dport'), 4789), accept]],
    policy: 'drop',
    packet: tunnel,
    expected: 'drops by policy drop',
  },
  {
    what: 'marked packets',
    rules: [[match({ '&': [meta('mark'), 16384] }, 16384), accept]],
    policy: 'drop',
    expected: 'drops by policy drop',
  },
  {
    what: 'translated packets',
    rules: [[match(ct('status'), 'dnat', 'in'), accept]],
    policy: 'drop',
    packet: { ...request, isTranslated: true },
    expected: 'passes',
  },
  {
    what: 'a named set',
    rules: [[match(saddr, '@pods'), accept]],
    policy: 'drop',
    expected: 'drops by policy drop, unsure',
  },
  {
    what: 'a named set whose packets are dropped',
    rules: [[match(saddr, '@bad'), drop]],
    expected: 'may drop by rule 1: ip saddr @bad drop',
  },
  {
    what: 'a named set with the source in it',
    rules: [[match(saddr, '@bad'), drop]],
    sets: { bad: ['192.0.2.1', prefixJson('198.51.100.0', 24)] },
    expected: 'drops by rule 1',
  },
  {
    what: 'a named set without the packet',
    rules: [[match(saddr, '@bad'), drop]],
    sets: { bad: ['192.0.2.1', { elem: { val: '192.0.2.2', timeout: 60 } }] },
    expected: 'passes',
  },
  {
    what: 'a named set that is empty',
    rules: [[match(saddr, '@bad'), drop]],
    sets: { bad: [] },
    expected: 'passes',
  },
  {
    what: 'a named set with the source in it, among more than are looked through',
    rules: [[match(saddr, '@bad'), drop]],
    sets: { bad: Array(10_001).fill('198.51.100.2') },
    expected: 'may drop by rule 1: ip saddr @bad drop',
  },
  {
    what: 'any but a named set',
    rules: [[match(saddr, '@good', '!='), drop]],
    sets: { good: [prefixJson('192.0.2.0', 24)] },
    expected: 'drops by rule 1',
  },
  {
    what: 'addresses with ports',
    rules: [[match(concat, { set: [{ concat: [prefixJson('198.51.100.0', 24), 443] }] }), drop]],
    expected: 'drops by rule 1',
  },
  {
    what: 'addresses with other ports, in a named set',
    rules: [[match(concat, '@pairs'), drop]],
    sets: { pairs: [{ concat: ['198.51.100.2', 80] }, { concat: ['198.51.100.3', 443] }] },
    expected: 'passes',
  },
  {
    what: 'addresses with ports, of the other family',
    rules: [[match(concat, '@pairs', '!='), drop]],
    packet: request6,
    expected: 'passes',
  },
  {
    what: 'a lookup of a route',
    rules: [[match({ fib: { result: 'oif' } }, false), drop]],
    expected: 'passes',
  },
  {
    what: 'a mark, of a packet that has none',
    rules: [[match({ '&': [meta('mark'), 0x4000] }, 0x4000), accept]],
    policy: 'drop',
    expected: 'drops by policy drop',
  },
  {
    what: 'a mark, of a packet that others may have marked',
    rules: [[match({ '&': [meta('mark'), 0x4000] }, 0x4000), accept]],
    policy: 'drop',
    packet: { ...request, mayBeMarked: true },
    expected: 'drops by policy drop, unsure',
  },
  {
    what: 'a rule about ports, of a later fragment',
    rules: [[match(payload('th', 'dport'), 443), accept]],
    policy: 'drop',
    packet: { ...request, isLaterFragment: true },
    expected: 'drops by policy drop',
  },
  {
    what: 'the offset of fragments, of a whole packet',
    rules: [[match({ '&': [payload('ip', 'frag-off'), 0x1fff] }, 0, '!='), drop]],
    expected: 'passes',
  },
  {
    what: 'offset and flag of fragments, of a later fragment',
    rules: [[match({ '&': [payload('ip', 'frag-off'), 0x3fff] }, 0, '!='), drop]],
    packet: { ...request, isLaterFragment: true },
    expected: 'drops by rule 1',
  },
  {
    what: 'a flag of fragments that the last one does not have',
    rules: [[match({ '&': [payload('ip', 'frag-off'), 0x2000] }, 0, '!='), drop]],
    packet: { ...request, isLaterFragment: true },
    expected: 'passes',
  },
  {
    what: 'the header of fragments',
    rules: [[match({ exthdr: { name: 'frag' } }, true), drop]],
    packet: { ...request6, isLaterFragment: true },
    expected: 'drops by rule 1',
  },
  {
    what: 'the header of fragments, of a whole packet',
    rules: [[match({ exthdr: { name: 'frag' } }, true), drop]],
    packet: request6,
    expected: 'passes',
  },
  {
    what: 'no header of fragments',
    rules: [[match({ exthdr: { name: 'frag' } }, false), drop]],
    packet: request6,
    expected: 'drops by rule 1',
  },
  {
    what: 'a field of the header of fragments',
    rules: [[match({ exthdr: { name: 'frag', field: 'frag-off' } }, 0, '!='), drop]],
    packet: { ...request6, isLaterFragment: true },
    expected: 'drops by rule 1',
  },
  {
    what: 'the next header, which is that of a fragment',
    rules: [[match(payload('ip6', 'nexthdr'), 6), accept]],
    policy: 'drop',
    packet: { ...request6, isLaterFragment: true },
    expected: 'drops by policy drop, unsure',
  },
  {
    what: 'a type of ICMP',
    rules: [[match(payload('icmp', 'type'), 'destination-unreachable'), accept]],
    policy: 'drop',
    packet: icmpError,
    expected: 'passes',
  },
  {
    what: 'a type of ICMP by number',
    rules: [[match(payload('icmp', 'type'), { set: [3, 11] }), accept]],
    policy: 'drop',
    packet: icmpError,
    expected: 'passes',
  },
  {
    what: 'ports, of a protocol that has none',
    rules: [[match(payload('th', 'dport'), 443), accept]],
    policy: 'drop',
    packet: icmpError,
    expected: 'drops by policy drop, unsure',
  },
]);
