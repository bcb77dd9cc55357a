// Facts about packets that the kernel drops for want of room or of a free port, and says so in a counter alone.

import type { ObservedNode } from '../observed/observed-node.ts';
import { type Finding, note, problem } from './fact.ts';

const nearlyFull = 0.9;

/** Fragments wait in one memory for the whole namespace, and half a minute for those that never come. */
export function fragmentFindings({
  kernel: { settings, fragmentBytes },
}: ObservedNode): readonly Finding[] {
  const most = Number(settings.get('net/ipv4/ipfrag_high_thresh') ?? 0);
  if (most === 0 || fragmentBytes < most * nearlyFull) return [];
  const text = `fragments of IPv4 that wait for the rest of their packets take ${fragmentBytes} of ${most} bytes (net.ipv4.ipfrag_high_thresh): fragments of others`;
  return fragmentBytes >= most
    ? [problem(`${text} are dropped`)]
    : [note(`${text} will be dropped when it is full`)];
}

// Two packets of one socket that are translated at once on two CPUs lose one of them now and then.
const ordinaryFailures = 10;

export function insertFindings({ kernel: { failedInserts } }: ObservedNode): readonly Finding[] {
  if (failedInserts <= ordinaryFailures) return [];
  return [
    note(
      `${failedInserts} new connections in the last minutes lost their first packet, since no free port was found for them at the address that they leave by, or since two packets opened the same one (DNS from one socket): many connections to one address and port outside use its 64,512 ports up`,
    ),
  ];
}
