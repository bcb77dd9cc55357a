/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one way out of every program: nothing passes or is dropped uncounted.
 */
#pragma once

#include "flow.h"
#include "maps.h"
#include "packet.h"

static __always_inline void count_traffic(const struct packet *packet, __u32 endpoint_id,
					  enum traffic_direction direction)
{
	struct endpoint_counters *counters;

	if (endpoint_id == 0)
		return;
	counters = bpf_map_lookup_elem(&endpoint_counters, &endpoint_id);
	if (!counters)
		return;
	counters->traffic[direction].packets += packet->segments;
	counters->traffic[direction].bytes += packet->bytes;
}

/* What every pod and node emits by itself would drown the drops worth reading. */
static __always_inline bool is_noise(enum drop_reason reason)
{
	return reason == DROP_NOT_IP || reason == DROP_LINK_LOCAL;
}

/* Charged to the endpoint that sees the packet: its sender on egress, its receiver on ingress. */
static __noinline void charge_drop(const struct packet *packet)
{
	__u32 endpoint_id = packet->direction == EGRESS ? packet->sender : packet->receiver;
	struct endpoint_counters *counters;

	if (endpoint_id == 0)
		return;
	counters = bpf_map_lookup_elem(&endpoint_counters, &endpoint_id);
	if (counters)
		counters->traffic[packet->direction & 1].dropped_packets += packet->segments;
}

static __noinline void count_drop(const struct packet *packet)
{
	__u32 reason = packet->reason;
	struct drop_counter *counter = bpf_map_lookup_elem(&drop_counters, &reason);

	if (counter) {
		counter->packets += packet->segments;
		counter->bytes += packet->bytes;
	}
	charge_drop(packet);
	if (!is_noise(packet->reason))
		report_drop(packet);
}

/* Sets the reason and is the verdict at the same time: `return drop(packet, DROP_...)`. */
static __always_inline enum verdict drop(struct packet *packet, enum drop_reason reason)
{
	packet->reason = reason;
	return VERDICT_DROP;
}

/*
 * A packet that is nobody's business here (neither end an endpoint of this node, no drop reason)
 * leaves no trace. A reason with VERDICT_NEXT is a drop that the stack carries out, so that the
 * sender gets the ICMP error. False: nothing is left to account.
 */
static __always_inline bool count(const struct packet *packet)
{
	if (packet->reason) {
		count_drop(packet);
		return false;
	}
	count_traffic(packet, packet->sender, EGRESS);
	count_traffic(packet, packet->receiver, INGRESS);
	return packet->has_flow && (packet->sender || packet->receiver);
}

static __always_inline int finish(const struct packet *packet, enum verdict verdict)
{
	struct flow_match match = {};

	if (count(packet)) {
		match.now = bpf_ktime_get_coarse_ns();
		match_flow(packet, &match);
		account_flow(packet, &match, NULL);
	}
	return verdict;
}

/*
 * For a program that had to know the flow before it could decide: one lookup serves both. The way of
 * a fragment is not that of the flow.
 */
static __always_inline int finish_found(const struct packet *packet, const struct flow_match *match,
					const struct found_ends *found, enum verdict verdict)
{
	if (count(packet))
		account_flow(packet, match, packet->is_piece ? NULL : found);
	return verdict;
}

/* For a packet of an established flow, which goes by what its entry remembers. */
static __always_inline int finish_known(const struct packet *packet, const struct flow_match *match,
					enum verdict verdict)
{
	if (packet->reason) {
		count_drop(packet);
		return verdict;
	}
	count_traffic(packet, packet->sender, EGRESS);
	count_traffic(packet, packet->receiver, INGRESS);
	continue_flow(packet, match, match->now);
	return verdict;
}
