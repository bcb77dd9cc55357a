/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Key of a packet's flow: both directions of a connection have the same.
 */
#pragma once

#include <bpf/bpf_endian.h>
#include "maps.h"
#include "packet.h"

/* The flow of a packet, if there is one, and what is needed to open one. */
struct flow_match {
	struct flow_key key;
	enum flow_direction sent;
	struct flow *flow;
	__u32 generation; /* the stamp of whatever is looked up for it (flow-ends.h) */
	__u64 now;
};

/* `generation`: of the tables, read before anything was looked up. */
static __always_inline struct flow_match begin_match(__u32 generation)
{
	__u64 now = bpf_ktime_get_coarse_ns();
	struct flow_match match = {.generation = generation + (__u32)(now >> stamp_shift),
				   .now = now};

	return match;
}

/* True if it is the low one of the two ends: the smaller address, or, if equal, the smaller port. */
static __always_inline bool is_low_end(const struct address *address, __be16 port,
				       const struct address *other, __be16 other_port)
{
	for (int i = 0; i < 4; i++) {
		__u32 own = bpf_ntohl(address->word[i]);
		__u32 others = bpf_ntohl(other->word[i]);

		if (own != others)
			return own < others;
	}
	return bpf_ntohs(port) <= bpf_ntohs(other_port);
}

static __always_inline void set_ends(struct flow_key *key, const struct address *low,
				     __be16 low_port, const struct address *high, __be16 high_port)
{
	key->low = *low;
	key->high = *high;
	key->low_port = low_port;
	key->high_port = high_port;
}

static __always_inline enum flow_direction flow_key_of(const struct packet *packet,
						       struct flow_key *key)
{
	*key = (struct flow_key){.protocol = packet->protocol};
	if (is_low_end(&packet->source, packet->source_port, &packet->destination,
		       packet->destination_port)) {
		set_ends(key, &packet->source, packet->source_port, &packet->destination,
			 packet->destination_port);
		return FLOW_FROM_LOW;
	}
	set_ends(key, &packet->destination, packet->destination_port, &packet->source,
		 packet->source_port);
	return FLOW_FROM_HIGH;
}

static __always_inline void match_flow(const struct packet *packet, struct flow_match *match)
{
	match->sent = flow_key_of(packet, &match->key);
	match->flow = bpf_map_lookup_elem(&flows, &match->key);
}
