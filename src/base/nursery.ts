// V8's nursery, where objects begin. A megabyte or less (small-heap.ts) suits an agent that hears little, but of a page of
// pods half would be there still at the next collection and pass for something that stays: reading 10,000 pods takes a
// third less processor time with four megabytes, and more than four bring nothing.

import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Of both halves. */
const wantedBytes = 8 << 20;

// What the nursery's size is multiplied by when much of it survives; 1: it stays.
let factor = 1;

function setFactor(wanted: number): void {
  factor = wanted;
  setFlagsFromString(`--semi-space-growth-factor=${wanted}`);
}

/**
 * To be called at the start, and when a worker has begun to run: setting up its heap, V8 makes every factor below 2 in the process a 2
 * (measured: the agent's own nursery went to 32 MiB with its next burst of pods, and 176 MB were resident instead of 111).
 */
export function keepNursery(): void {
  setFactor(factor);
}

/**
 * From now on it doubles where much of it survives, until it is large enough or the function that is returned is called.
 * It never shrinks again.
 */
export function growNursery(): () => void {
  setFactor(2);
  const afterCollection = new PerformanceObserver(() => {
    const nursery = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
    if (nursery === undefined || nursery.space_size >= wantedBytes) end();
  });
  const end = (): void => {
    afterCollection.disconnect();
    setFactor(1);
  };
  afterCollection.observe({ entryTypes: ['gc'] });
  return end;
}
