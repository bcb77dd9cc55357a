// Medians and spread of a few rounds: the only statistics a noisy two-core machine deserves.

export interface Series {
  readonly samples: readonly number[];
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Throws when there is no sample: a figure without a measurement is a bug, not a zero. */
export function series(samples: readonly number[]): Series {
  const sorted = [...samples].sort((left, right) => left - right);
  const min = sorted[0];
  const max = sorted.at(-1);
  if (min === undefined || max === undefined) throw new Error('a series needs at least one sample');
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? max;
  const lower = sorted.length % 2 === 0 ? (sorted[middle - 1] ?? upper) : upper;
  return { samples, median: (lower + upper) / 2, min, max };
}

/** Sample by sample `numerator / denominator`, rounds aligned. */
export function ratios(numerator: readonly number[], denominator: readonly number[]): Series {
  return series(
    numerator.map((value, round) => {
      const base = denominator[round];
      if (base === undefined || base === 0) throw new Error(`no baseline in round ${round + 1}`);
      return value / base;
    }),
  );
}
