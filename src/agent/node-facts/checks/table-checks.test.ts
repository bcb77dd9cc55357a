import { testFacts } from '../../../../test/support/fact-rows.ts';

testFacts([
  [
    'connections, nearly full',
    'connection-table',
    { settings: { 'net/netfilter/nf_conntrack_count': '95' } },
    /^note: 95 of 100/,
  ],
  [
    'connections, full',
    'connection-table',
    { settings: { 'net/netfilter/nf_conntrack_count': '100' } },
    /^problem: 100 of 100/,
  ],
  [
    'neighbours, overflown',
    'neighbour-table',
    { kernel: { neighbourOverflows: 3 } },
    /^problem: .* full 3 times/,
  ],
]);
