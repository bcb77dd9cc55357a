/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Step 7 for a packet from a pod: the way to its receiver, from the flow's entry or from lookups.
 */
#pragma once

#include "addresses.h"
#include "deliver-neighbour.h"
#include "deliver-pod.h"
#include "deliver-tunnel.h"
#include "walk.h"

/* Looks up the route: neither a flow's entry nor found_end has room for an IPv6 next hop. */
static __noinline enum verdict send_by_route(const struct address *address)
{
	const struct route *route = find_route(address);

	if (!route || route->kind != ROUTE_NATIVE)
		return VERDICT_NONE;
	return send_to_neighbour(route);
}

/*
 * Sends the packet. VERDICT_NONE: the way cannot be taken, and the packet is unchanged. `earlier`
 * is the number of packets of the flow that went the same way before.
 */
static __always_inline enum verdict go(struct __sk_buff *skb, struct walk *walk, enum flow_way way,
				       __u32 earlier)
{
	struct packet *packet = &walk->packet;
	const struct flow_end *to = &walk->found.receiver.end;

	if (way == WAY_POD) { /* 7.1 */
		packet->receiver = to->endpoint_id;
		return bpf_redirect_peer(to->ifindex, 0);
	}
	if (way == WAY_STACK) /* 7.4 */
		return VERDICT_NEXT;
	if (way == WAY_NEIGHBOUR) /* 7.2 */
		return send_by_ipv4(to->ifindex, to->link[0]);
	if (way == WAY_TUNNEL) /* 7.3 */
		return tunnel(skb, packet, to, earlier);
	if (way == WAY_NEIGHBOUR_IPV6) /* 7.2 */
		return send_by_route(&packet->destination);
	return VERDICT_NONE;
}

static __always_inline bool take_known_way(struct __sk_buff *skb, struct walk *walk,
					   enum flow_way way)
{
	const struct flow_match *match = &walk->match;

	walk->verdict = go(skb, walk, way, match->flow->packets[match->sent & 1]);
	return walk->verdict != VERDICT_NONE;
}

/* Takes a way that no flow remembers: a limited pod's queue, or a tunnel to an IPv6 address. */
static __noinline enum verdict take_unremembered_way(struct __sk_buff *skb, struct walk *walk)
{
	const struct location *location = walk->location;
	const struct route *route = walk->route;

	if (location)
		return deliver_queued(skb, &walk->packet, location);
	if (!route || !set_tunnel(skb, route))
		return VERDICT_NONE;
	return bpf_redirect(route->ifindex, 0);
}

static __always_inline bool take_found_way(struct __sk_buff *skb, struct walk *walk,
					   enum flow_way way)
{
	walk->verdict =
		way ? go(skb, walk, way, 0) : take_unremembered_way(skb, walk); /* 7.1, 7.3 */
	return walk->verdict != VERDICT_NONE;
}
