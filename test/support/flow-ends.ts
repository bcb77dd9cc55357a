// A flow entry that remembers nothing except its counters.

import { type Flow, type FlowEnd, flowWay } from '../../src/datapath/generated.ts';

const unknown: FlowEnd = { address: 0, ifindex: 0, link: [0, 0], endpointId: 0, mtu: 0 };

/** The part of a flow entry that contains the ways to its ends. */
export const unknownEnds: Pick<Flow, 'end' | 'generation' | 'way'> = {
  end: [unknown, unknown],
  generation: 0,
  way: [flowWay.unknown, flowWay.unknown],
};
