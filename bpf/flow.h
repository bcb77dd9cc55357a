/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flow state: one entry for both directions of a connection.
 *
 * The map is an LRU: under pressure the kernel may hand an entry to another connection while we
 * still hold a pointer to it, and a few counts go astray. What is decided by an entry (flow-ends.h) is
 * compared with the packet's own addresses for that.
 */
#pragma once

#include "events.h"
#include "flow-ends.h"
#include "flow-key.h"
#include "flow-state.h"
#include "packet.h"
#include "walk.h"

/* The way of a fragment is not that of its flow. */
static __always_inline bool learns_ends(const struct walk *walk)
{
	return walk->is_looked_up && !walk->packet.is_piece;
}

/*
 * 1. A reset for a connection we do not know opens nothing (it answers a stray packet).
 * 2. Two CPUs may open the same flow at once: the second one finds the entry of the first.
 */
static __noinline void open_flow(const struct walk *walk)
{
	const struct packet *packet = &walk->packet;
	const struct flow_match *match = &walk->match;
	struct flow fresh = {};
	struct flow *other;

	if (packet->tcp_flags & TCP_RST) /* 1 */
		return;
	if (learns_ends(walk)) {
		fresh.generation = match->generation;
		begin_ends(&fresh, &walk->found, match->sent);
	}
	begin_flow(&fresh, packet, match->sent, match->now);
	if (bpf_map_update_elem(&flows, &match->key, &fresh, BPF_NOEXIST) == 0) {
		report_new_flow(packet, match->now);
		return;
	}
	other = bpf_map_lookup_elem(&flows, &match->key); /* 2 */
	if (other)
		update_flow(other, packet, match->sent, match->now);
}

/* The same two ends and ports begin anew on the entry that the old connection left. */
static __noinline void restart_flow(struct flow *flow, const struct packet *packet,
				    enum flow_direction sent, __u64 now)
{
	if (flow->state == FLOW_WENT_ON)
		report_closed_flow(packet, flow, sent, now);
	begin_flow(flow, packet, sent, now);
	report_new_flow(packet, now);
}

/*
 * A SYN-ACK goes by the entry that the SYN before it has opened: that one was looked up, and its
 * receiver has sent nothing since. Any other SYN may begin a connection that goes another way.
 */
static __always_inline bool answers_opening(const struct packet *packet,
					    const struct flow_match *match)
{
	__u8 both = TCP_SYN | TCP_ACK;

	return (packet->tcp_flags & both) == both && !packet->is_piece &&
	       !match->flow->tcp_flags[match->sent & 1] &&
	       (match->flow->tcp_flags[!(match->sent & 1)] & both) == TCP_SYN;
}

/* Before the packet's way is decided. */
static __always_inline void recall_flow(struct packet *packet, struct flow_match *match)
{
	match_flow(packet, match);
	if (match->flow && answers_opening(packet, match))
		packet->goes_by_entry = true;
}

/* A packet of an entry that is there. */
static __always_inline void continue_flow(const struct packet *packet,
					  const struct flow_match *match)
{
	if (match->flow->state != FLOW_OPEN && is_opening(packet))
		restart_flow(match->flow, packet, match->sent, match->now);
	else
		update_flow(match->flow, packet, match->sent, match->now);
}

static __always_inline void account_flow(const struct walk *walk)
{
	const struct flow_match *match = &walk->match;

	if (!match->flow) {
		open_flow(walk);
		return;
	}
	continue_flow(&walk->packet, match);
	if (learns_ends(walk))
		remember_ends(match->flow, &walk->found, match->sent, match->generation);
}
