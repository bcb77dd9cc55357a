/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flow state: one entry for both directions of a connection.
 *
 * The map is an LRU: under pressure the kernel may hand an entry to another connection while we
 * still hold a pointer to it, and a few counts go astray. Nothing but accounting hangs on that.
 */
#pragma once

#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include "events.h"
#include "maps.h"
#include "packet.h"

/* True if the packet's source is the low end: the smaller address, or, if equal, the smaller port. */
static __always_inline bool source_is_low(const struct packet *packet)
{
	for (int i = 0; i < 4; i++) {
		__u32 source = bpf_ntohl(packet->source.word[i]);
		__u32 destination = bpf_ntohl(packet->destination.word[i]);

		if (source != destination)
			return source < destination;
	}
	return bpf_ntohs(packet->source_port) <= bpf_ntohs(packet->destination_port);
}

static __always_inline enum flow_direction flow_key_of(const struct packet *packet,
						       struct flow_key *key)
{
	*key = (struct flow_key){.protocol = packet->protocol};
	if (source_is_low(packet)) {
		key->low = packet->source;
		key->high = packet->destination;
		key->low_port = packet->source_port;
		key->high_port = packet->destination_port;
		return FLOW_FROM_LOW;
	}
	key->low = packet->destination;
	key->high = packet->source;
	key->low_port = packet->destination_port;
	key->high_port = packet->source_port;
	return FLOW_FROM_HIGH;
}

static __always_inline bool is_opening(const struct packet *packet)
{
	return packet->protocol == IPPROTO_TCP &&
	       (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

static __always_inline struct flow first_state(const struct packet *packet,
					       enum flow_direction sent, __u64 now)
{
	struct flow flow = {
		.created_ns = now,
		.last_seen_ns = now,
		.initiator = sent,
		.state = FLOW_OPEN,
		.ifindex = packet->ifindex,
		.direction = packet->direction,
		.path = packet->through_stack ? FLOW_THROUGH_STACK : FLOW_DIRECT,
	};

	flow.bytes[sent] = packet->bytes;
	flow.packets[sent] = packet->segments;
	flow.tcp_flags[sent] = packet->tcp_flags;
	return flow;
}

/* The only way a flow closes here is TCP's; user space ends the others when they fall idle. */
static __always_inline bool is_finished(const struct flow *flow)
{
	__u32 either = flow->tcp_flags[0] | flow->tcp_flags[1];
	__u32 both = flow->tcp_flags[0] & flow->tcp_flags[1];

	return (either & TCP_RST) || (both & TCP_FIN);
}

/* A flag of this end that the entry does not have yet: a few packets of a connection get here. */
static __noinline void learn_flags(struct flow *flow, const struct packet *packet,
				   enum flow_direction sent, __u64 now)
{
	__sync_fetch_and_or(&flow->tcp_flags[sent & 1], packet->tcp_flags);
	if (!is_finished(flow))
		return;
	/* Both ends may get here at once, on two CPUs: only one reports. */
	if (__sync_val_compare_and_swap(&flow->state, FLOW_OPEN, FLOW_CLOSED) == FLOW_OPEN)
		report_closed_flow(packet, flow, sent, now);
}

static __always_inline void update_flow(struct flow *flow, const struct packet *packet,
					enum flow_direction sent, __u64 now)
{
	__sync_fetch_and_add(&flow->bytes[sent & 1], packet->bytes);
	__sync_fetch_and_add(&flow->packets[sent & 1], packet->segments);
	/* The coarse clock stands still for milliseconds: most packets need not write it. */
	if (flow->last_seen_ns != now)
		flow->last_seen_ns = now;
	/* The same ends and ports may have been in direct use before (UDP). */
	if (packet->through_stack && flow->path != FLOW_THROUGH_STACK)
		flow->path = FLOW_THROUGH_STACK;
	if (packet->tcp_flags & ~flow->tcp_flags[sent & 1])
		learn_flags(flow, packet, sent, now);
}

/*
 * 1. A reset for a connection we do not know opens nothing (it answers a stray packet).
 * 2. Two CPUs may open the same flow at once: the second one finds the entry of the first.
 */
static __noinline void open_flow(const struct packet *packet, const struct flow_key *key,
				 enum flow_direction sent, __u64 now)
{
	struct flow fresh;
	struct flow *other;

	if (packet->tcp_flags & TCP_RST) /* 1 */
		return;
	fresh = first_state(packet, sent, now);
	if (bpf_map_update_elem(&flows, key, &fresh, BPF_NOEXIST) == 0) {
		report_new_flow(packet, now);
		return;
	}
	other = bpf_map_lookup_elem(&flows, key); /* 2 */
	if (other)
		update_flow(other, packet, sent, now);
}

/* The same two ends and ports begin anew on the entry that the old connection left. */
static __noinline void restart_flow(struct flow *flow, const struct packet *packet,
				    enum flow_direction sent, __u64 now)
{
	*flow = first_state(packet, sent, now);
	report_new_flow(packet, now);
}

/* The flow of a packet, if there is one, and what is needed to open one. */
struct flow_match {
	struct flow_key key;
	enum flow_direction sent;
	struct flow *flow;
};

static __always_inline void match_flow(const struct packet *packet, struct flow_match *match)
{
	match->sent = flow_key_of(packet, &match->key);
	match->flow = bpf_map_lookup_elem(&flows, &match->key);
}

static __always_inline void account_flow(const struct packet *packet, struct flow_match *match)
{
	__u64 now = bpf_ktime_get_coarse_ns();

	if (!match->flow)
		open_flow(packet, &match->key, match->sent, now);
	else if (match->flow->state == FLOW_CLOSED && is_opening(packet))
		restart_flow(match->flow, packet, match->sent, now);
	else
		update_flow(match->flow, packet, match->sent, now);
}
