/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ends of a flow: what it remembers about them, so that only its first packets are looked up.
 *
 * It is valid as long as the tables do not change, but only for a moment. For this it carries a
 * stamp: the sum of the tables' generation, which the agent increments after each change, and of
 * the time in units of 2^stamp_shift ns. Neither of the two ever decreases, so equal sums mean that
 * both are equal. A program reads the generation before it looks anything up, so that a result from
 * an old table never gets the number of a new one. The writer replaces the stamp with
 * GENERATION_IN_WORK while it writes, and a reader checks the stamp before and after it copies. So
 * no program uses half-written ends.
 */
#pragma once

#include "addresses.h"
#include "maps.h"
#include "packet.h"

/* Result of a packet's lookups for one end: a link or a way, or nothing. */
struct found_end {
	struct flow_end end;
	enum flow_way way;
};

struct found_ends {
	struct found_end sender;
	struct found_end receiver;
};

/* Called before any lookup whose result the flow may remember. */
static __always_inline __u32 current_generation(void)
{
	__u32 zero = 0;
	__u32 *number = bpf_map_lookup_elem(&table_generation, &zero);
	__u32 generation = number ? *number : GENERATION_IN_WORK;

	barrier();
	return generation;
}

/*
 * Notes the sender as from_pod verified it: its interface, its MAC and its address belong together.
 */
static __always_inline void found_sender(struct found_end *found, const struct packet *packet,
					 const struct endpoint *endpoint)
{
	const __u8 *own = endpoint->mac.byte;

	found->end.address = packet->source.word[3];
	found->end.ifindex = packet->ifindex;
	found->end.link[0] = *(const __u32 *)own;
	found->end.link[1] = *(const __u16 *)(own + 4) | LINK_IS_MAC;
	found->end.endpoint_id = endpoint->id;
}

/* Notes a pod here, unless its packets have to wait in a queue. */
static __always_inline void found_pod(struct found_end *found, const struct address *address,
				      const struct location *location)
{
	if (location->queued)
		return;
	found->end.address = address->word[3];
	found->end.ifindex = location->ifindex;
	found->end.endpoint_id = location->endpoint_id;
	found->way = WAY_POD;
}

/* Notes a pod of another node. IPv6 addresses of nodes are not kept: only the route has them. */
static __always_inline enum flow_way
found_route(struct found_end *found, const struct address *address, const struct route *route)
{
	bool is_ipv4 = is_mapped_ipv4(&route->next_hop);

	if (route->kind == ROUTE_NODE || (!is_ipv4 && route->kind != ROUTE_NATIVE))
		return WAY_UNKNOWN;
	found->end.address = address->word[3];
	found->end.ifindex = route->ifindex;
	found->end.link[0] = is_ipv4 ? route->next_hop.word[3] : 0;
	found->end.link[1] = route->vni;
	found->end.mtu = route->mtu < 0xffff ? route->mtu : 0xffff;
	if (route->kind == ROUTE_OVERLAY)
		found->way = WAY_TUNNEL;
	else
		found->way = is_ipv4 ? WAY_NEIGHBOUR : WAY_NEIGHBOUR_IPV6;
	return found->way;
}

/*
 * Notes an address that packets reach through the stack: this node's own, one outside the pod
 * ranges, or one behind a ROUTE_STACK.
 */
static __always_inline void found_stack(struct found_end *found, const struct address *address)
{
	found->end.address = address->word[3];
	found->way = WAY_STACK;
}

static __always_inline bool is_same_end(const struct flow_end *a, const struct flow_end *b)
{
	return a->ifindex == b->ifindex && a->address == b->address;
}

static __always_inline bool has_link(const struct flow_end *end)
{
	return end->link[0] | end->link[1];
}

static __always_inline bool is_known(const struct flow_end *known, enum flow_way way,
				     const struct found_end *found)
{
	const struct flow_end *end = &found->end;

	if (!found->way && !has_link(end))
		return true;
	return is_same_end(known, end) && (!found->way || found->way == way) &&
	       (!has_link(end) ||
		(known->link[0] == end->link[0] && known->link[1] == end->link[1]));
}

/* One packet learns how to identify its sender, another how to reach it: both are kept. */
static __always_inline void keep_end(struct flow_end *known, enum flow_way *way,
				     const struct found_end *found)
{
	const struct flow_end *end = &found->end;

	if (!found->way && !has_link(end))
		return;
	if (!is_same_end(known, end)) {
		*known = *end;
		*way = found->way;
		return;
	}
	if (has_link(end)) {
		known->link[0] = end->link[0];
		known->link[1] = end->link[1];
		known->mtu = end->mtu;
	}
	if (found->way)
		*way = found->way;
}

static __always_inline void forget_ends(struct flow *flow)
{
	flow->end[0] = (struct flow_end){};
	flow->end[1] = (struct flow_end){};
	flow->way[0] = WAY_UNKNOWN;
	flow->way[1] = WAY_UNKNOWN;
}

/* Sets the ends of a new flow, which no other CPU sees yet. */
static __always_inline void begin_ends(struct flow *flow, const struct found_ends *found,
				       enum flow_direction sent)
{
	const struct found_end *low = sent == FLOW_FROM_LOW ? &found->sender : &found->receiver;
	const struct found_end *high = sent == FLOW_FROM_LOW ? &found->receiver : &found->sender;

	flow->end[0] = low->end;
	flow->end[1] = high->end;
	flow->way[0] = low->way;
	flow->way[1] = high->way;
}

/*
 * Stores the ends, except in two cases:
 *
 * 1. Another CPU is writing them.
 * 2. The entry has them already, as for each packet of a flow that is always looked up.
 */
static __noinline void remember_ends(struct flow *flow, const struct found_ends *found,
				     enum flow_direction sent, __u32 generation)
{
	struct flow_end *sender = &flow->end[sent & 1];
	struct flow_end *receiver = &flow->end[!(sent & 1)];
	enum flow_way *to_sender = &flow->way[sent & 1];
	enum flow_way *to_receiver = &flow->way[!(sent & 1)];
	__u32 known = flow->generation;

	if (known == GENERATION_IN_WORK) /* 1 */
		return;
	if (known == generation && is_known(sender, *to_sender, &found->sender) &&
	    is_known(receiver, *to_receiver, &found->receiver)) /* 2 */
		return;
	if (__sync_val_compare_and_swap(&flow->generation, known, GENERATION_IN_WORK) != known)
		return;
	if (known != generation)
		forget_ends(flow);
	keep_end(sender, to_sender, &found->sender);
	keep_end(receiver, to_receiver, &found->receiver);
	__sync_lock_test_and_set(&flow->generation, generation);
}
