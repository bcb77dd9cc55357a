// The tests of random input that `npm run fuzz` repeats with new seeds.

export interface Fuzzer {
  /** The test, which takes HEDDLE_SEED. */
  readonly file: string;
  readonly what: string;
}

export const fuzzers: Readonly<Record<string, Fuzzer>> = {
  services: {
    file: 'test/lab/service-worlds.test.ts',
    what: 'real connections to Services of random clusters (root)',
  },
  'service-rules': {
    file: 'src/model/services/fuzz.test.ts',
    what: 'what the model makes of Services of random clusters',
  },
  'service-tables': {
    file: 'src/datapath/services/fuzz.test.ts',
    what: 'what is written to the tables of Services, with restarts and full maps',
  },
  'service-maps': {
    file: 'test/kernel/table-services.test.ts',
    what: "the same with the kernel's maps (root)",
  },
  packets: {
    file: 'test/kernel/datapath-random.test.ts',
    what: 'random packets through each program (root)',
  },
  mutations: {
    file: 'test/kernel/datapath-million.test.ts',
    what: 'mutated packets through each program (root)',
  },
  nodes: {
    file: 'src/model/network/hostile-nodes.test.ts',
    what: 'Nodes that claim what is not theirs',
  },
  rules: {
    file: 'src/agent/node-facts/rules/walk-fuzz.test.ts',
    what: 'random nftables rules of others',
  },
  reconciler: {
    file: 'src/reconcile/convergence.test.ts',
    what: 'tables with random failures and changes by others',
  },
};

export interface FuzzCall {
  readonly name: string;
  readonly minutes: number;
  /** Of the first round; the next ones count up. */
  readonly seed?: number | undefined;
}

/** Parses `NAME [--minutes N] [--seed N]`; undefined if it is anything else. Default: one minute. */
export function fuzzCall(words: readonly string[]): FuzzCall | undefined {
  const [name = '', ...rest] = words;
  if (fuzzers[name] === undefined || rest.length % 2 !== 0) return undefined;
  const numbers = new Map<string, number>();
  for (let at = 0; at < rest.length; at += 2) {
    const [option = '', value = ''] = rest.slice(at, at + 2);
    if (!['--minutes', '--seed'].includes(option) || !/^\d+(\.\d+)?$/.test(value)) return undefined;
    numbers.set(option, Number(value));
  }
  return { name, minutes: numbers.get('--minutes') ?? 1, seed: numbers.get('--seed') };
}
