/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reader of what a flow remembers of its ends (flow-ends.h), the only one: a copy that was made while
 * another processor wrote, or for another flow, would send a packet to the wrong pod.
 */
#pragma once

#include <linux/if_ether.h>
#include "flow-ends.h"
#include "flow.h"

/* True if what was read of the entry between two such calls is of this generation and moment. */
static __always_inline bool is_of(const struct flow *flow, __u32 generation)
{
	__u32 found;

	barrier();
	found = *(const volatile __u32 *)&flow->generation;
	barrier();
	return found == generation;
}

/*
 * Copies what the flow of a packet remembers of one end. False: nothing of this generation and
 * moment. The caller compares the address with the packet's: the entry may have changed hands.
 */
static __always_inline bool recall_end(const struct flow_match *match, enum flow_direction which,
				       struct found_end *known)
{
	const struct flow *flow = match->flow;

	if (!is_of(flow, match->generation))
		return false;
	known->end = flow->end[which & 1];
	known->way = flow->way[which & 1];
	return is_of(flow, match->generation);
}

/*
 * Has this end sent from this very interface, with this very MAC and address, and was that right?
 * Compared as words: clang would take twelve byte loads.
 */
static __always_inline bool is_sender(struct __sk_buff *skb, const struct packet *packet,
				      const struct flow_end *end)
{
	const struct ethhdr *ethernet = header_at(skb, 0, sizeof(*ethernet));
	const __u8 *source;

	if (!ethernet)
		return false;
	source = ethernet->h_source;
	return end->ifindex == skb->ifindex && end->address == packet->source.word[3] &&
	       end->link[0] == *(const __u32 *)source &&
	       end->link[1] == (*(const __u16 *)(source + 4) | LINK_IS_MAC) && end->endpoint_id;
}
