/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Limits flow events, so that a packet flood does not become an event flood.
 */
#pragma once

#include "maps.h"

/*
 * Returns the share that an endpoint's events count against; each direction has its own. Id 0 is
 * for events without an endpoint.
 */
static __always_inline struct event_share *share_of(__u32 endpoint_id,
						    enum traffic_direction direction)
{
	struct endpoint_counters *counters = bpf_map_lookup_elem(&endpoint_counters, &endpoint_id);

	return counters ? &counters->events[direction & 1] : NULL;
}

enum {
	/* Each endpoint is guaranteed 1/SURE_PART of a CPU's budget, in each direction. */
	SURE_PART = 20,
};

/* Half of the ring is reserved for the guaranteed events of endpoints. */
static __always_inline bool has_ring_room(void)
{
	return bpf_ringbuf_query(&flow_events, BPF_RB_AVAIL_DATA) < FLOW_EVENTS_BYTES / 2;
}

/*
 * True if one more event may be sent in the current second. Each share has guaranteed events that
 * no other share can use. Beyond them, all shares draw on the CPU's budget, and one share gets at
 * most half of it. So a flood of one endpoint's flows leaves the others' visible.
 */
static __noinline bool spend_event(struct event_share *share, __u64 now)
{
	__u32 zero = 0;
	struct event_budget *budget = bpf_map_lookup_elem(&event_budget, &zero);
	__u32 sure = events_per_second_per_cpu / SURE_PART;

	if (!budget || !share)
		return false;
	if (now - budget->window_start_ns >= 1000000000) {
		budget->window_start_ns = now;
		budget->used = 0;
	}
	if (now - share->window_start_ns >= 1000000000) {
		share->window_start_ns = now;
		share->used = 0;
	}
	share->used++;
	if (share->used <= sure)
		return true;
	if (share->used - sure <= (events_per_second_per_cpu + 1) / 2 &&
	    budget->used < events_per_second_per_cpu && has_ring_room()) {
		budget->used++;
		return true;
	}
	share->suppressed++;
	budget->suppressed++;
	return false;
}
