/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Step 6 for a packet from a pod: its receiver, and the way to it. WAY_UNKNOWN is a way that no
 * flow remembers.
 */
#pragma once

#include "addresses.h"
#include "flow-ends.h"
#include "owner.h"
#include "transport.h"
#include "walk.h"

/* Returns the way to an address that is neither a pod's here nor this node's. */
static __always_inline enum flow_way find_way_out(struct __sk_buff *skb, struct walk *walk)
{
	struct packet *packet = &walk->packet;
	const struct route *route = find_route(&packet->destination);
	enum flow_way way;

	walk->route = route;
	/*
	 * 6.3 Not a pod address: another node or the world, for which the stack masquerades. Or a
	 * pod whose replies only the stack can receive.
	 */
	if (!route || route->kind == ROUTE_NODE || route->kind == ROUTE_STACK) {
		found_stack(&walk->found.receiver, &packet->destination);
		return WAY_STACK;
	}
	/*
	 * 6.4 In this node's range, but no pod has it: the stack's unreachable route answers the
	 * sender.
	 */
	if (route->kind == ROUTE_LOCAL) {
		packet->reason = DROP_NO_ENDPOINT;
		return WAY_STACK;
	}
	way = found_route(&walk->found.receiver, &packet->destination, route);
	/* 6.5 A flow that kernel NAT owns. */
	if (stays_on_stack(skb, packet, &walk->match))
		return WAY_STACK;
	/*
	 * 6.6 The packet is too long: the stack fragments it, or replies with the ICMP error of
	 * path-MTU discovery.
	 */
	if (exceeds(skb, packet, route->mtu)) {
		keep_untracked(skb);
		return WAY_STACK;
	}
	return way;
}

static __always_inline enum flow_way find_receiver(struct __sk_buff *skb, struct walk *walk)
{
	struct packet *packet = &walk->packet;
	const struct location *location = walk->location;

	if (!location)
		return find_way_out(skb, walk);
	/* 6.2 This node. */
	if (location->kind != LOCATION_ENDPOINT) {
		found_stack(&walk->found.receiver, &packet->destination);
		return WAY_STACK;
	}
	/* 6.1 A pod here. */
	found_pod(&walk->found.receiver, &packet->destination, location);
	/*
	 * 6.5 A flow that kernel NAT owns: the reply to a packet that NAT sent here must not bypass
	 * NAT, or it belongs to no connection.
	 */
	if (stays_on_stack(skb, packet, &walk->match))
		return WAY_STACK;
	return location->queued ? WAY_UNKNOWN : WAY_POD;
}
