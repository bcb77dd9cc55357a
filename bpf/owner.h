/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who owns a packet's connection: the programs, which send it straight on, or the node's stack, since
 * its NAT translates it. A translated connection has to pass the stack in both directions.
 *
 * The kernel's connection tracking has the last word. What a flow entry says of it counts until its
 * stamp is old (flow-ends.h), so a connection whose entry is lost is asked for, and never guessed.
 * docs/decisions/who-owns-a-flow.md has the reasons.
 */
#pragma once

#include "conntrack.h"
#include "flow.h"
#include "packet.h"
#include "quoted.h"
#include "recall.h"

/* An echo reply this long after the flow's last packet is not taken for the request's answer. */
static const __u64 ECHO_ANSWER_NS = 10000000000;

/* In skb->mark, from here to the chain `direct` of nftables, which clears it (nft/direct.ts). */
static const __u32 DIRECT_MARK = 0x68656464;

/* A SYN on a closed entry is another connection, which may go another way. */
static __always_inline bool entry_says_stack(const struct flow *flow, const struct packet *packet)
{
	return flow && flow->path == FLOW_THROUGH_STACK &&
	       !(flow->state != FLOW_OPEN && is_opening(packet));
}

/*
 * 1. What has once come through the stack stays there, whoever translates it.
 * 2. Connection tracking can be asked.
 * 3. It cannot: an echo request goes straight on, and its reply follows it.
 * 4. It cannot: SCTP and every other protocol pass where all translation is.
 */
static __always_inline bool find_owner(struct __sk_buff *skb, enum owner owner,
				       bool known_as_stacks, const struct flow_match *match)
{
	if (known_as_stacks) /* 1 */
		return true;
	switch (owner) {
	case OWNER_ASKED: /* 2 */
		return is_translated(skb, &match->key);
	case OWNER_OF_NEW_REQUEST: /* 3 */
		return false;
	case OWNER_OF_REQUEST:
		return !match->flow || match->now - match->flow->last_seen_ns > ECHO_ANSWER_NS;
	default: /* 4 */
		return true;
	}
}

/* Of the packet that an error quotes. A quote that ends before the ports says nothing. */
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

/* The flow of the quoted packet, in `match`, and whether the stack owns it. */
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

/* An error that quotes what cannot be read is the stack's. */
static __always_inline bool is_stacks_error(struct __sk_buff *skb, const struct packet *error,
					    const struct flow_match *match)
{
	struct quoted quoted = {};
	struct flow_match its = {.now = match->now};

	return !read_quoted(skb, error, &quoted) || is_quoted_stacks(skb, &quoted, &its);
}

/*
 * For a packet of a direct flow that passes the stack all the same: connection tracking, which never
 * saw the flow, would begin a connection with it, and rules of others could translate that. Fragments
 * are put together before the chain sees them, and the whole has the mark of the first one.
 */
static __always_inline void keep_untracked(struct __sk_buff *skb)
{
	if (!skb->mark)
		skb->mark = DIRECT_MARK;
}

/*
 * For a packet that would otherwise go straight on, between pods of which one may be elsewhere. What
 * is found out goes into the flow's entry; a fragment says nothing about the rest of its flow.
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
	/* Found out already, in this generation and moment. */
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
 * An error of a router or another node about what a pod here sent straight to another pod. Connection
 * tracking has never seen that flow, so that rules which drop what is invalid would drop the error.
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
