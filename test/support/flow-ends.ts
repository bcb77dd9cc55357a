// A flow of which nothing is remembered but what it counted.

import { type Flow, type FlowEnd, flowWay } from '../../src/datapath/generated.ts';

const unknown: FlowEnd = { address: 0, ifindex: 0, link: [0, 0], endpointId: 0, mtu: 0 };

/** The part of a flow entry that says how to reach its ends. */
export const unknownEnds: Pick<Flow, 'end' | 'generation' | 'way'> = {
  end: [unknown, unknown],
  generation: 0,
  way: [flowWay.unknown, flowWay.unknown],
};
