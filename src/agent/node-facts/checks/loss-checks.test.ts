import { testFacts } from '../../../../test/support/fact-rows.ts';

testFacts([
  ['some fragments', 'fragment-memory', { kernel: { fragmentBytes: 899 } }, undefined],
  [
    'fragments, nearly full',
    'fragment-memory',
    { kernel: { fragmentBytes: 900 } },
    /^note: .* take 900 of 1000 bytes .* will be dropped when the limit is reached$/,
  ],
  [
    'fragments, full',
    'fragment-memory',
    { kernel: { fragmentBytes: 1001 } },
    /^problem: .* take 1001 of 1000 bytes .* further fragments are dropped$/,
  ],
  ['a lost race now and then', 'connection-inserts', { kernel: { failedInserts: 10 } }, undefined],
  [
    'a destination whose ports are used up',
    'connection-inserts',
    { kernel: { failedInserts: 11 } },
    /^note: 11 new connections in the last minutes lost their first packet/,
  ],
]);
