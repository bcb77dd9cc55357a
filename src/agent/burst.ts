// Memory after many pods came or went at once.

import { BurstMemory, collectGarbage } from '../base/memory/burst-memory.ts';
import { releaseFreeMemory } from '../kernel/libc.ts';

// A pod that comes or goes leaves some 250 kB of garbage.
export function burstMemoryOfPods(): BurstMemory {
  return new BurstMemory({
    leastChanges: 50,
    quietMs: 10_000,
    collect: () => {
      collectGarbage();
      releaseFreeMemory();
    },
  });
}
