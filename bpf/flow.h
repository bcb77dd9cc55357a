/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flow entries: one for both directions of a connection.
 *
 * The map is an LRU. Under pressure the kernel may give an entry to another connection while a
 * program still holds a pointer to it, and a few counts go to the wrong flow. For this reason, what
 * an entry remembers (flow-ends.h) decides nothing until its addresses are compared with the
 * packet's own.
 */
#pragma once

#include "events.h"
#include "flow-ends.h"
#include "flow-key.h"
#include "flow-state.h"
#include "packet.h"
#include "walk.h"

/* True if the flow remembers the packet's lookups. A fragment does not take the way of its flow. */
static __always_inline bool learns_ends(const struct walk *walk)
{
	return walk->is_looked_up && !walk->packet.is_piece;
}

/*
 * Opens an entry. Returns the entry that another CPU has opened at the same time, or NULL. A reset
 * for an unknown connection opens no entry: it answers a stray packet.
 */
static __noinline struct flow *open_flow(struct __sk_buff *skb, const struct walk *walk)
{
	const struct packet *packet = &walk->packet;
	const struct flow_match *match = &walk->match;
	struct flow fresh = {};

	if (packet->tcp_flags & TCP_RST)
		return NULL;
	if (learns_ends(walk)) {
		fresh.generation = match->generation;
		begin_ends(&fresh, &walk->found, match->sent);
	}
	begin_flow(&fresh, packet, match->sent, match->now);
	if (bpf_map_update_elem(&flows, &match->key, &fresh, BPF_NOEXIST))
		return bpf_map_lookup_elem(&flows, &match->key);
	report_new_flow(skb, packet, match->now);
	return NULL;
}

/* A new connection of the same two ends and ports reuses the entry that the old one left. */
static __noinline void restart_flow(struct __sk_buff *skb, struct flow *flow,
				    const struct packet *packet, enum flow_direction sent,
				    __u64 now)
{
	if (flow->state == FLOW_WENT_ON)
		report_closed_flow(packet, flow, sent, now);
	begin_flow(flow, packet, sent, now);
	report_new_flow(skb, packet, now);
}

/*
 * True for a SYN-ACK that may use the entry that its SYN has opened: the SYN was looked up, and its
 * receiver has sent nothing since. Any other SYN may begin a connection that takes another way.
 */
static __always_inline bool answers_opening(const struct packet *packet,
					    const struct flow_match *match)
{
	__u8 both = TCP_SYN | TCP_ACK;

	return (packet->tcp_flags & both) == both && !packet->is_piece &&
	       !match->flow->tcp_flags[match->sent & 1] &&
	       (match->flow->tcp_flags[!(match->sent & 1)] & both) == TCP_SYN;
}

/* Called before the packet's way is decided. */
static __always_inline void recall_flow(struct packet *packet, struct flow_match *match)
{
	match_flow(packet, match);
	if (match->flow && answers_opening(packet, match))
		packet->goes_by_entry = true;
}

static __always_inline void account_flow(struct __sk_buff *skb, const struct walk *walk,
					 bool is_known)
{
	const struct packet *packet = &walk->packet;
	const struct flow_match *match = &walk->match;
	struct flow *flow = match->flow;

	if (!flow && !is_known)
		flow = open_flow(skb, walk);
	if (!flow)
		return;
	if (flow->state != FLOW_OPEN && is_opening(packet))
		restart_flow(skb, flow, packet, match->sent, match->now);
	else
		update_flow(flow, packet, match->sent, match->now);
	if (!is_known && learns_ends(walk))
		remember_ends(flow, &walk->found, match->sent, match->generation);
}
