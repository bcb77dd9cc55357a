// The size of V8's nursery, where new objects are allocated. One megabyte or less (small-heap.ts) suits an agent with
// few events. While it reads pages of pods, however, half of a page would survive a collection and be promoted. With
// four megabytes, reading 10,000 pods takes a third less processor time; more than four has no further effect.

import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Size of both halves. */
const wantedBytes = 8 << 20;

// Factor by which the nursery grows when many objects survive; 1: it does not grow.
let factor = 1;

function setFactor(wanted: number): void {
  factor = wanted;
  setFlagsFromString(`--semi-space-growth-factor=${wanted}`);
}

/**
 * Call this at the start and after a worker has started. When V8 sets up a worker's heap, it raises every factor below
 * 2 in the process to 2 (measured: with the next burst of pods the agent's own nursery grew to 32 MiB, and 176 MB were
 * resident instead of 111).
 */
export function keepNursery(): void {
  setFactor(factor);
}

/**
 * Lets the nursery double while many objects survive, until it is large enough or the returned function is called. It
 * never shrinks.
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
