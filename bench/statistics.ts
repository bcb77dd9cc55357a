// Medians and quartiles of a few rounds: a noisy two-core machine does not justify more statistics.

export interface Series {
  readonly samples: readonly number[];
  readonly median: number;
  /** A quarter of the samples is below, a quarter above: one outlier cannot move them. */
  readonly quartiles: readonly [low: number, high: number];
  readonly min: number;
  readonly max: number;
}

/** Throws when there is no sample: a figure without a measurement is a bug, not a zero. */
export function series(samples: readonly number[]): Series {
  const sorted = [...samples].sort((left, right) => left - right);
  const min = sorted[0];
  const max = sorted.at(-1);
  if (min === undefined || max === undefined) throw new Error('a series needs at least one sample');
  const [low, median, high] = [
    quantile(sorted, 0.25),
    quantile(sorted, 0.5),
    quantile(sorted, 0.75),
  ];
  return { samples, median, quartiles: [low, high], min, max };
}

/** Interpolates between the two nearest samples. */
function quantile(sorted: readonly number[], fraction: number): number {
  const place = (sorted.length - 1) * fraction;
  const below = sorted[Math.floor(place)] ?? 0;
  const above = sorted[Math.ceil(place)] ?? below;
  return below + (above - below) * (place % 1);
}

/** The smallest sample that is at least as large as `percent` of all samples (nearest rank). */
export function percentile(samples: readonly number[], percent: number): number {
  const sorted = [...samples].sort((left, right) => left - right);
  const found = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];
  if (found === undefined) throw new Error('a percentile needs at least one sample');
  return found;
}

/** The better of the samples. Throws an Error if there is none. */
export function best(better: 'higher' | 'lower', samples: readonly number[]): number {
  const { min, max } = series(samples);
  return better === 'higher' ? max : min;
}

/** `numerator / denominator` sample by sample, rounds aligned. */
export function ratios(numerator: readonly number[], denominator: readonly number[]): Series {
  return series(
    numerator.map((value, round) => {
      const base = denominator[round];
      if (base === undefined || base === 0) throw new Error(`no baseline in round ${round + 1}`);
      return value / base;
    }),
  );
}
