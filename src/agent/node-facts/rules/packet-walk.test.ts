import {
  accept,
  ct,
  drop,
  jump,
  match,
  meta,
  payload,
  prefixJson,
  saddr,
  testWalks,
} from '../../../../test/support/walked-rules.ts';

testWalks([
  { what: 'an empty chain that accepts', rules: [], expected: 'passes' },
  {
    what: 'an empty chain that drops',
    rules: [],
    policy: 'drop',
    expected: 'drops by policy drop',
  },
  { what: 'a drop without a condition', rules: [[drop]], expected: 'drops by rule 1' },
  { what: 'a rejection', rules: [[{ reject: { type: 'icmpx' } }]], expected: 'drops by rule 1' },
  {
    what: 'a rule that sends to another interface',
    rules: [[{ fwd: { dev: 'dummy0' } }], [accept]],
    expected: 'drops by rule 1',
  },
  { what: 'an accept before a drop', rules: [[accept], [drop]], expected: 'passes' },
  {
    what: 'a counter, a log and a comment match all',
    rules: [[{ counter: {} }, { log: null }, drop]],
    expected: 'drops by rule 1',
  },
  {
    what: 'a limit',
    rules: [[{ limit: { rate: 3 } }, accept]],
    policy: 'drop',
    expected: 'drops by policy drop, unsure',
  },
  {
    what: 'a chain that drops',
    rules: [[jump('DENY')]],
    chains: { DENY: [[match(meta('iifname'), 'lo'), accept], [drop]] },
    expected: 'drops by rule 2 of DENY',
  },
  {
    what: 'a chain that returns',
    rules: [[jump('USER')], [accept]],
    chains: { USER: [[{ return: null }], [drop]] },
    policy: 'drop',
    expected: 'passes',
  },
  {
    what: 'a chain reached by goto does not return',
    rules: [[jump('USER', 'goto')], [accept]],
    chains: { USER: [] },
    policy: 'drop',
    expected: 'drops by policy drop',
  },
  {
    what: 'a user-defined chain that accepts packets that cannot be evaluated',
    rules: [[match(saddr, '@pods'), jump('USER')]],
    chains: { USER: [[accept]] },
    policy: 'drop',
    expected: 'drops by policy drop, unsure',
  },
  { what: 'a chain that is not there', rules: [[jump('GONE')]], expected: 'passes' },
  {
    what: 'a chain that jumps to itself',
    rules: [[jump('LOOP')]],
    chains: { LOOP: [[jump('LOOP')]] },
    expected: 'passes',
  },
  {
    what: 'a map of interfaces to verdicts',
    rules: [
      [
        {
          vmap: {
            key: meta('iifname'),
            data: {
              set: [
                ['lo', accept],
                ['hd*', jump('PODS')],
              ],
            },
          },
        },
      ],
    ],
    chains: { PODS: [[drop]] },
    expected: 'drops by rule 1 of PODS',
  },
  {
    what: 'a named map of verdicts',
    rules: [[{ vmap: { key: meta('iifname'), data: '@zones' } }]],
    policy: 'drop',
    expected: 'drops by policy drop, unsure',
  },
  {
    what: 'a named map of verdicts that was not read',
    rules: [[{ vmap: { key: meta('iifname'), data: '@zones' } }]],
    expected: 'may drop by rule 1: iifname vmap @zones',
  },
  {
    what: 'a named map of verdicts with the interface in it',
    rules: [[{ vmap: { key: meta('iifname'), data: '@zones' } }]],
    maps: {
      zones: [
        ['lo', accept],
        [{ elem: { val: 'hd*' } }, drop],
      ],
    },
    expected: 'drops by rule 1',
  },
  {
    what: 'a map by something that is not known',
    rules: [
      [
        {
          vmap: {
            key: payload('ip', 'dscp'),
            data: {
              set: [
                ['cs1', drop],
                ['cs2', accept],
              ],
            },
          },
        },
      ],
    ],
    expected: 'may drop by rule 1: ip dscp vmap { cs1,cs2 }',
  },
  {
    what: 'a limit over which is dropped',
    rules: [[{ limit: { rate: 1, per: 'second', inv: true } }, drop]],
    expected: 'may drop by rule 1: limit rate over 1/second drop',
  },
  {
    what: 'a number of connections over which is dropped',
    rules: [[{ 'ct count': { val: 3, inv: true } }, { reject: null }]],
    expected: 'may drop by rule 1: ct count over 3 reject',
  },
  {
    what: 'a limit beyond which packets are dropped',
    rules: [[match(meta('iifname'), 'eth7'), { limit: { rate: 1, inv: true } }, drop]],
    expected: 'passes',
  },
  {
    what: 'a limit, and a drop of all',
    rules: [[{ limit: { rate: 1, inv: true } }, drop], [drop]],
    expected: 'drops by rule 2',
  },
  {
    what: 'a limit over which a chain drops',
    rules: [[{ limit: { rate: 1, per: 'second', inv: true } }, jump('DENY')]],
    chains: { DENY: [[match(meta('iifname'), 'lo'), accept], [drop]] },
    expected: 'may drop by rule 1: limit rate over 1/second jump DENY',
  },
  {
    what: 'a limit, and a chain that drops others',
    rules: [[{ limit: { rate: 1, inv: true } }, jump('DENY')]],
    chains: { DENY: [[match(meta('iifname'), 'lo'), drop]] },
    expected: 'passes',
  },
  {
    what: 'a return that cannot be evaluated, before a drop',
    rules: [[jump('USER')]],
    chains: { USER: [[{ limit: { rate: 1 } }, { return: null }], [drop]] },
    expected: 'drops by rule 2 of USER, unsure',
  },
  {
    what: 'a queue to a program',
    rules: [[{ queue: { num: 0 } }]],
    policy: 'drop',
    expected: 'drops by policy drop, unsure',
  },
  {
    what: 'no tracking',
    rules: [[match(saddr, prefixJson('198.51.100.0', 24)), { notrack: null }]],
    expected: 'passes, takes them out of connection tracking',
  },
  {
    what: 'no tracking of other packets',
    rules: [[match(saddr, prefixJson('192.0.2.0', 24)), { notrack: null }]],
    expected: 'passes',
  },
  {
    what: 'a zone',
    rules: [[{ mangle: { key: ct('zone'), value: 7 } }]],
    expected: 'passes, puts them into a zone of connection tracking',
  },
]);
