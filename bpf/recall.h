/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The only reader of what a flow remembers about its ends (flow-ends.h). A copy that was made while
 * another CPU was writing, or from the entry of another flow, would send a packet to the wrong pod.
 */
#pragma once

#include <linux/if_ether.h>
#include "flow-ends.h"
#include "flow.h"
#include "packet.h"
#include "transport.h"
#include "walk.h"

/*
 * True if the entry has the stamp `generation`. Fields that are read between two calls that return
 * true belong to this stamp.
 */
static __always_inline bool is_of(const struct flow *flow, __u32 generation)
{
	__u32 found;

	barrier();
	found = *(const volatile __u32 *)&flow->generation;
	barrier();
	return found == generation;
}

/*
 * Copies what a flow remembers about one end. Returns false if the entry does not have the stamp
 * `generation`. The caller compares the address with the packet's, because the entry may belong to
 * another flow by now.
 */
static __always_inline bool recall_end(const struct flow *flow, __u32 generation,
				       enum flow_direction which, struct found_end *known)
{
	if (!is_of(flow, generation))
		return false;
	known->end = flow->end[which];
	known->way = flow->way[which];
	return is_of(flow, generation);
}

/*
 * True if this end was already verified as a sender with the same interface, MAC and address.
 * Compares words: otherwise clang uses twelve byte loads.
 */
static __always_inline bool is_sender(const struct __sk_buff *skb, const struct packet *packet,
				      const __u8 *mac, const struct flow_end *end)
{
	return end->ifindex == skb->ifindex && end->address == packet->source.word[3] &&
	       end->link[0] == *(const __u32 *)mac &&
	       end->link[1] == (*(const __u16 *)(mac + 4) | LINK_IS_MAC) && end->endpoint_id;
}

/* 2. Returns the way that the packet's flow remembers for this sender, or WAY_UNKNOWN. */
static __always_inline enum flow_way recall_way(struct __sk_buff *skb, struct walk *walk)
{
	struct packet *packet = &walk->packet;
	struct found_end *receiver = &walk->found.receiver;
	const struct ethhdr *ethernet;
	const struct flow *flow;
	struct found_end sender;
	enum flow_direction sent;
	__u32 generation;
	enum flow_way way;

	if (packet->reason || !packet->has_flow)
		return WAY_UNKNOWN;
	recall_flow(packet, &walk->match);
	generation = walk->match.generation;
	flow = walk->match.flow;
	sent = walk->match.sent & 1;
	if (!flow || !packet->goes_by_entry)
		return WAY_UNKNOWN;
	ethernet = header_at(skb, 0, sizeof(*ethernet));
	if (!ethernet || !recall_end(flow, generation, sent, &sender) ||
	    !is_sender(skb, packet, ethernet->h_source, &sender.end))
		return WAY_UNKNOWN;
	packet->sender = sender.end.endpoint_id;
	if (!recall_end(flow, generation, !sent, receiver) ||
	    receiver->end.address != packet->destination.word[3])
		return WAY_UNKNOWN;
	packet->through_stack = flow->path == FLOW_THROUGH_STACK;
	way = receiver->way && packet->through_stack ? WAY_STACK : receiver->way;
	if (way == WAY_POD || way == WAY_STACK)
		return way;
	/* A packet that is too long for a way out of the node is looked up. */
	return exceeds(skb, packet, receiver->end.mtu) ? WAY_UNKNOWN : way;
}
