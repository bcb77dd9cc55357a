import {
  drop,
  match,
  meta,
  payload,
  request,
  request6,
  testWalks,
  tunnel,
} from '../../../../test/support/walked-rules.ts';

testWalks([
  {
    what: 'what opens a connection',
    rules: [[match(payload('tcp', 'flags'), 'syn', 'in'), drop]],
    expected: 'drops by rule 1',
  },
  {
    what: 'what opens a connection, by a mask',
    rules: [[match({ '&': [payload('tcp', 'flags'), ['fin', 'syn', 'rst', 'ack']] }, 'syn'), drop]],
    expected: 'drops by rule 1',
  },
  {
    what: 'what does not open a connection, by a mask as newer versions have it',
    rules: [
      [match({ '&': [payload('tcp', 'flags'), { '|': ['syn', 'ack'] }] }, 'syn', '!='), drop],
    ],
    expected: 'passes',
  },
  {
    what: 'what opens a connection, of an answer',
    rules: [[match(payload('tcp', 'flags'), 'syn', '=='), drop]],
    packet: { ...request, state: 'established' },
    expected: 'passes',
  },
  {
    what: 'the first answer alone',
    rules: [[match(payload('tcp', 'flags'), ['syn', 'ack'], '=='), drop]],
    packet: { ...request, state: 'established' },
    expected: 'may drop by rule 1: tcp flags syn,ack drop',
  },
  {
    what: 'flags of TCP, of a packet that is none',
    rules: [[match(payload('tcp', 'flags'), 'syn', '!='), drop]],
    packet: tunnel,
    expected: 'passes',
  },
  {
    what: 'a type of frame',
    rules: [[match(payload('ether', 'type'), 'ip'), drop]],
    expected: 'drops by rule 1',
  },
  {
    what: 'another type of frame',
    rules: [[match(payload('ether', 'type'), { set: ['arp', '8021q'] }), drop]],
    expected: 'passes',
  },
  {
    what: 'large packets',
    rules: [[match(meta('length'), 1000, '>'), drop]],
    expected: 'may drop by rule 1: meta length > 1000 drop',
  },
  {
    what: 'packets larger than any',
    rules: [[match(payload('ip', 'length'), 1500, '>'), drop]],
    expected: 'passes',
  },
  {
    what: 'all lengths of UDP',
    rules: [[match(payload('udp', 'length'), { range: [0, 65535] }), drop]],
    packet: tunnel,
    expected: 'drops by rule 1',
  },
  {
    what: 'a time to live that all have',
    rules: [[match(payload('ip', 'ttl'), 65, '<'), drop]],
    expected: 'drops by rule 1',
  },
  {
    what: 'a hop limit that is used up',
    rules: [[match(payload('ip6', 'hoplimit'), 2, '<'), drop]],
    packet: request6,
    expected: 'passes',
  },
  {
    what: 'addresses of the node',
    rules: [[match({ fib: { result: 'type', flags: ['daddr'] } }, 'local'), drop]],
    expected: 'passes',
  },
  {
    what: 'addresses of the node, of a packet to it',
    rules: [[match({ fib: { result: 'type', flags: ['daddr'] } }, 'local', '!='), drop]],
    packet: { ...tunnel, output: undefined },
    expected: 'passes',
  },
  {
    what: 'a lookup of a route by its interface',
    rules: [[match({ fib: { result: 'oif', flags: ['saddr'] } }, 'eth1'), drop]],
    expected: 'may drop by rule 1: fib oif saddr eth1 drop',
  },
  {
    what: 'a header of routing',
    rules: [[match({ exthdr: { name: 'rt', field: 'type' } }, 0), drop]],
    packet: request6,
    expected: 'passes',
  },
  {
    what: 'segments that are too small',
    rules: [
      [match({ 'tcp option': { name: 'maxseg', field: 'size' } }, { range: [1, 500] }), drop],
    ],
    expected: 'passes',
  },
  {
    what: 'a field that is not known',
    rules: [[match(payload('ip', 'dscp'), 'cs1'), drop]],
    expected: 'may drop by rule 1: ip dscp cs1 drop',
  },
  {
    what: 'another user than the kubelet',
    rules: [[match(meta('skuid'), 1000), drop]],
    packet: { ...request, input: undefined },
    expected: 'passes',
  },
  {
    what: 'users of the node, of a packet that is forwarded',
    rules: [[match(meta('skuid'), 0, '!='), drop]],
    expected: 'passes',
  },
]);
