/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Owner of a packet's connection: the programs, which send it directly, or the node's stack,
 * because its NAT translates the connection. A translated connection has to pass the stack in both
 * directions.
 *
 * The kernel's connection tracking has the last word. A flow entry repeats its result until the
 * entry's stamp expires (flow-ends.h). If an entry is lost, connection tracking is queried again:
 * the owner is never guessed. See docs/decisions/who-owns-a-flow.md for the reasons.
 */
#pragma once

#include "conntrack.h"
#include "flow.h"
#include "ids.h"
#include "packet.h"
#include "quoted.h"
#include "recall.h"

/*
 * An echo reply later than this after the flow's last packet does not count as the request's reply.
 */
static const __u64 ECHO_ANSWER_NS = 10000000000;

/*
 * True if the entry gives the packet to the stack. A SYN on a closed entry begins another
 * connection, which may take another way.
 */
static __always_inline bool entry_says_stack(const struct flow *flow, const struct packet *packet)
{
	return flow && flow->path == FLOW_THROUGH_STACK &&
	       !(flow->state != FLOW_OPEN && is_opening(packet));
}

/*
 * True if the stack owns the connection.
 *
 * 1. A flow that has come through the stack stays there, whichever program translates it.
 * 2. Connection tracking can be queried.
 * 3. It cannot be queried: an echo request goes directly, and its reply follows it.
 * 4. It cannot be queried: SCTP and all other protocols pass the stack, where all translation is.
 */
static __always_inline bool find_owner(struct __sk_buff *skb, enum owner owner,
				       bool known_as_stacks, const struct flow_match *match)
{
	if (known_as_stacks) /* 1 */
		return true;
	switch (owner) {
	case OWNER_ASKED: /* 2 */
		return is_translated(skb, &match->key);
	case OWNER_ASKED_ABOUT_REPLY:
		return is_reply_translated(skb, &match->key, match->sent);
	case OWNER_OF_NEW_REQUEST: /* 3 */
		return false;
	case OWNER_OF_REQUEST:
		return !match->flow || match->now - match->flow->last_seen_ns > ECHO_ANSWER_NS;
	default: /* 4 */
		return true;
	}
}

/* Owner of the packet that an error quotes; unknown if the quote ends before the ports. */
static __always_inline enum owner owner_of_quoted(const struct quoted *quoted)
{
	if (!quoted->source_port)
		return OWNER_UNKNOWN;
	if (quoted->protocol == IPPROTO_TCP || quoted->protocol == IPPROTO_UDP)
		return OWNER_ASKED;
	if (quoted->protocol == IPPROTO_ICMP || quoted->protocol == IPPROTO_ICMPV6)
		return OWNER_OF_REQUEST;
	return OWNER_UNKNOWN;
}

/* True if the stack owns the flow of the quoted packet. Stores that flow in `match`. */
static __always_inline bool is_quoted_stacks(struct __sk_buff *skb, const struct quoted *quoted,
					     struct flow_match *match)
{
	struct named_end source = {&quoted->source, quoted->source_port};
	struct named_end destination = {&quoted->destination, quoted->destination_port};

	set_ends(&match->key, &source, &destination);
	match->key.protocol = quoted->protocol;
	match->flow = bpf_map_lookup_elem(&flows, &match->key);
	return find_owner(skb, owner_of_quoted(quoted),
			  match->flow && match->flow->path == FLOW_THROUGH_STACK, match);
}

/* True if the stack owns the flow of the quoted packet, or if the quote cannot be read. */
static __always_inline bool is_stacks_error(struct __sk_buff *skb, const struct packet *error,
					    const struct flow_match *match)
{
	struct quoted quoted = {};
	struct flow_match its = {.now = match->now};

	return !read_quoted(skb, error, &quoted) || is_quoted_stacks(skb, &quoted, &its);
}

/*
 * Marks a packet of a direct flow that has to pass the stack. Connection tracking never saw the
 * flow, so it would start a connection with this packet, which rules of other programs could then
 * translate. Fragments are reassembled before the chain sees them, and the reassembled packet has
 * the mark of the first fragment.
 */
static __always_inline void keep_untracked(struct __sk_buff *skb)
{
	if (!skb->mark)
		skb->mark = DIRECT_MARK;
}

/*
 * True if the packet has to pass the stack. Called for packets that would otherwise go directly
 * from pod to pod; one of the pods may be on another node. The result goes into the flow's entry,
 * except for a fragment: it says nothing about the rest of its flow.
 */
static __noinline bool stays_on_stack(struct __sk_buff *skb, struct packet *packet,
				      const struct flow_match *match)
{
	struct flow *flow = match->flow;

	/* The first fragment has the ports. */
	if (packet->is_piece) {
		if (packet->has_flow &&
		    !find_owner(skb, packet->owner, entry_says_stack(flow, packet), match))
			keep_untracked(skb);
		return true;
	}
	if (packet->owner == OWNER_OF_QUOTED)
		return is_stacks_error(skb, packet, match);
	/* Already known, with the current stamp. */
	if (flow && packet->goes_by_entry && is_of(flow, match->generation))
		packet->through_stack = flow->path == FLOW_THROUGH_STACK;
	else
		packet->through_stack =
			find_owner(skb, packet->owner, entry_says_stack(flow, packet), match);
	if (flow && packet->through_stack)
		keep_on_stack(flow);
	return packet->through_stack;
}

/*
 * True for an error from a router or another node about a packet that a pod here sent directly to
 * another pod. Connection tracking never saw that flow, so rules that drop invalid packets would
 * drop the error.
 */
static __noinline bool is_about_direct_flow(struct __sk_buff *skb, const struct packet *error,
					    const struct flow_match *match)
{
	struct quoted quoted = {};
	struct flow_match its = {.now = match->now};
	const struct route *route;

	if (error->owner != OWNER_OF_QUOTED || error->is_piece ||
	    !read_quoted(skb, error, &quoted) || !same_address(&quoted.source, &error->destination))
		return false;
	route = find_route(&quoted.destination);
	if (!route || route->kind != ROUTE_NATIVE)
		return false;
	return !is_quoted_stacks(skb, &quoted, &its) && its.flow;
}
