/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Key of a packet's flow: both directions of a connection have the same key.
 */
#pragma once

#include <bpf/bpf_endian.h>
#include "maps.h"
#include "packet.h"

/* Flow of a packet, if there is one, and what is needed to open one. */
struct flow_match {
	struct flow_key key;
	enum flow_direction sent;
	__u32 generation; /* stamp of the packet's lookups (flow-ends.h) */
	struct flow *flow;
	__u64 now;
};

/*
 * `generation` is that of the tables, read before any lookup. match_flow() sets the key, the
 * direction and the flow.
 */
static __always_inline void begin_match(struct flow_match *match, __u32 generation)
{
	match->now = bpf_ktime_get_coarse_ns();
	match->generation = generation + (__u32)(match->now >> stamp_shift);
	match->flow = NULL;
}

/* One of the two ends that a packet names. */
struct named_end {
	const struct address *address;
	__be16 port;
};

/*
 * True if `end` is the low end: it has the smaller address, or the smaller port if the addresses
 * are equal.
 */
static __always_inline bool is_low_end(const struct named_end *end, const struct named_end *other)
{
	for (int i = 0; i < 4; i++) {
		__u32 own = bpf_ntohl(end->address->word[i]);
		__u32 others = bpf_ntohl(other->address->word[i]);

		if (own != others)
			return own < others;
	}
	return bpf_ntohs(end->port) <= bpf_ntohs(other->port);
}

static __always_inline void set_low_and_high(struct flow_key *key, const struct named_end *low,
					     const struct named_end *high)
{
	key->low = *low->address;
	key->high = *high->address;
	key->low_port = low->port;
	key->high_port = high->port;
}

/* Sets the key's ends and returns the direction of the packet. */
static __always_inline enum flow_direction
set_ends(struct flow_key *key, const struct named_end *source, const struct named_end *destination)
{
	if (is_low_end(source, destination)) {
		set_low_and_high(key, source, destination);
		return FLOW_FROM_LOW;
	}
	set_low_and_high(key, destination, source);
	return FLOW_FROM_HIGH;
}

static __always_inline enum flow_direction flow_key_of(const struct packet *packet,
						       struct flow_key *key)
{
	struct named_end source = {&packet->source, packet->source_port};
	struct named_end destination = {&packet->destination, packet->destination_port};

	/* Each byte of the key is written once: set_ends() writes all others. */
	key->protocol = packet->protocol;
	__builtin_memset(key->pad, 0, sizeof(key->pad));
	return set_ends(key, &source, &destination);
}

static __always_inline void match_flow(const struct packet *packet, struct flow_match *match)
{
	match->sent = flow_key_of(packet, &match->key);
	match->flow = bpf_map_lookup_elem(&flows, &match->key);
}
