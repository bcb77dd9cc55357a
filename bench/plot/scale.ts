// Axes: places between 0 and 1 for values, and ticks.

export interface Scale {
  /** 0 at the low end of the axis, 1 at the high end. */
  place(value: number): number;
  readonly ticks: readonly Tick[];
}

export interface Tick {
  readonly value: number;
  readonly text: string;
}

/** From 0 to a round number that is at least `most`. */
export function linearScale(most: number): Scale {
  const step = roundStep(most / 4);
  const count = Math.max(1, Math.ceil(most / step - 1e-9));
  const ticks = Array.from({ length: count + 1 }, (_, index) => tick(round(index * step)));
  return { place: (value) => value / (count * step), ticks };
}

/** Powers of ten around all values, which must be positive. */
export function logScale(values: readonly number[]): Scale {
  const low = Math.floor(Math.log10(Math.min(...values)) + 1e-9);
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values)) - 1e-9));
  const ticks = Array.from({ length: high - low + 1 }, (_, index) => tick(10 ** (low + index)));
  return { place: (value) => (Math.log10(value) - low) / (high - low), ticks };
}

/** Logarithmic, with exactly these positive values as ticks, in ascending order. */
export function logScaleAt(values: readonly number[]): Scale {
  const logs = values.map((value) => Math.log10(value));
  const [low, high] = [logs[0] ?? 0, logs.at(-1) ?? 0];
  // A single value is in the middle.
  const place = (value: number): number =>
    high === low ? 0.5 : (Math.log10(value) - low) / (high - low);
  return { place, ticks: values.map(tick) };
}

function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 2.5, 5].find((factor) => factor * power >= least * (1 - 1e-9)) ?? 10) * power;
}

// Without the last digits of binary fractions.
function round(value: number): number {
  return Number(value.toPrecision(12));
}

/** 30000 is `30k`. */
function tick(value: number): Tick {
  return { value, text: value >= 1000 ? `${round(value / 1000)}k` : String(round(value)) };
}
