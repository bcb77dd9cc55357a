// Facts about packets that the kernel drops for lack of memory or of a free port, which only counters show.

import type { ObservedNode } from '../observed/observed-node.ts';
import { type Finding, note, problem } from './fact.ts';

const nearlyFull = 0.9;

/** Fragments wait in one memory for the whole namespace, for half a minute if the rest is missing. */
export function fragmentFindings({
  kernel: { settings, fragmentBytes },
}: ObservedNode): readonly Finding[] {
  const most = Number(settings.get('net/ipv4/ipfrag_high_thresh') ?? 0);
  if (most === 0 || fragmentBytes < most * nearlyFull) return [];
  const text = `IPv4 fragments that wait for the rest of their packet take ${fragmentBytes} of ${most} bytes (net.ipv4.ipfrag_high_thresh): further fragments`;
  return fragmentBytes >= most
    ? [problem(`${text} are dropped`)]
    : [note(`${text} will be dropped when the limit is reached`)];
}

// If two packets of one socket are translated simultaneously on two CPUs, one is lost now and then.
const ordinaryFailures = 10;

export function insertFindings({ kernel: { failedInserts } }: ObservedNode): readonly Finding[] {
  if (failedInserts <= ordinaryFailures) return [];
  return [
    note(
      `${failedInserts} new connections in the last minutes lost their first packet: either their source address had no free port left (many connections to one destination address and port use up its 64,512 ports), or two packets opened the same connection (DNS from one socket)`,
    ),
  ];
}
