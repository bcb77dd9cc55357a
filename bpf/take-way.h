/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Step 7 of a packet from a pod: the way to its receiver, which its flow remembers or which was found.
 */
#pragma once

#include "addresses.h"
#include "deliver-neighbour.h"
#include "deliver-pod.h"
#include "deliver-tunnel.h"
#include "walk.h"

/* The flow remembers that there is a native route, but has no room for its IPv6 next hop. */
static __noinline enum verdict send_by_route(const struct walk *walk)
{
	const struct route *route = walk->route;

	if (!route)
		route = find_route(&walk->packet.destination);
	if (!route || route->kind != ROUTE_NATIVE)
		return VERDICT_NONE;
	return send_to_neighbour(route);
}

/* What no flow remembers: the queue of a limited pod, and a tunnel whose other end is IPv6. */
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

/* VERDICT_NONE: it cannot be taken, and the packet is as it was. */
static __always_inline enum verdict redirect(struct __sk_buff *skb, struct walk *walk)
{
	struct packet *packet = &walk->packet;
	const struct flow_end *to = &walk->found.receiver.end;

	switch (walk->found.receiver.way) {
	case WAY_POD: /* 7.1 */
		packet->receiver = to->endpoint_id;
		return bpf_redirect_peer(to->ifindex, 0);
	case WAY_NEIGHBOUR: /* 7.2 */
		return send_by_ipv4(to->ifindex, to->link[0]);
	case WAY_NEIGHBOUR_IPV6:
		return send_by_route(walk);
	case WAY_TUNNEL: /* 7.3 */
		return tunnel(skb, packet, to, walk->earlier_packets);
	case WAY_STACK: /* 7.4 */
		return VERDICT_NEXT;
	default:
		return take_unremembered_way(skb, walk);
	}
}

static __always_inline bool take_way(struct __sk_buff *skb, struct walk *walk)
{
	walk->verdict = redirect(skb, walk);
	return walk->verdict != VERDICT_NONE;
}
