/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Step 8, the only exit of every program: no packet passes or is dropped uncounted.
 */
#pragma once

#include "flow.h"
#include "maps.h"
#include "packet.h"
#include "walk.h"

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

/*
 * True for packets that every pod and node sends by itself. Events for them would drown the drops
 * worth reading.
 */
static __always_inline bool is_noise(enum drop_reason reason)
{
	return reason == DROP_NOT_IP || reason == DROP_LINK_LOCAL;
}

/*
 * Charges the drop to the endpoint that sees the packet: its sender on egress, its receiver on
 * ingress.
 */
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

/*
 * Counts a packet and updates its flow. A packet that belongs to no endpoint of this node and has
 * no drop reason leaves no trace. A drop reason with VERDICT_NEXT means that the stack drops the
 * packet, so that the sender gets the ICMP error.
 */
static __always_inline int record(struct __sk_buff *skb, const struct walk *walk, bool is_known)
{
	const struct packet *packet = &walk->packet;

	if (packet->reason) {
		count_drop(packet);
		return walk->verdict;
	}
	count_traffic(packet, packet->sender, EGRESS);
	count_traffic(packet, packet->receiver, INGRESS);
	if (is_known || (packet->has_flow && (packet->sender || packet->receiver)))
		account_flow(skb, walk, is_known);
	return walk->verdict;
}
