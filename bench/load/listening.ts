// Waits until a server listens, by the namespace's own socket table: no probe connection that the server would count.

import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Place } from '../place.ts';

/** Throws after five seconds. */
export async function untilListening(place: Place, port: number): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!isListening(place, port)) {
    if (Date.now() > deadline)
      throw new Error(`nothing listens on port ${port} in ${place.namespacePath}`);
    await sleep(20);
  }
}

function isListening(place: Place, port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const text = execFileSync(
    'nsenter',
    [`--net=${place.namespacePath}`, 'cat', '/proc/self/net/tcp', '/proc/self/net/tcp6'],
    { encoding: 'utf8' },
  );
  return text.split('\n').some((line) => line.includes(`:${hex} `) && / 0A /.test(line));
}
